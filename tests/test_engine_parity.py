"""OpenMM and HOOMD-blue on one configuration, compared with each other and with direct sums.

At tight settings both must agree to 1e-5 in relative RMS, at a tolerance of 5e-5 to 5e-4. Ions are
compared atom by atom, waters by net force and torque. (At 1e-4 OpenMM alone is 6.5e-4 from the
direct sum in this cell: docs/engines.md.)
"""

import importlib.util
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest
from ewald import direct_ewald
from helpers import tiny_point, warm_up
from scipy.spatial import cKDTree

from januspore.engines import Resources, create
from januspore.model.builder import build_state
from januspore.model.state import State
from januspore.model.system import Model, build_model
from januspore.model.velocities import rigid_frame
from januspore.protocols import Dynamics

pytestmark = [
    pytest.mark.hoomd,
    pytest.mark.skipif(
        importlib.util.find_spec("hoomd") is None,
        reason="HOOMD-blue is not installed (conda-forge)",
    ),
    pytest.mark.usefixtures("hoomd_method"),
]

TIGHT, PRODUCTION = 1e-7, 5e-5
FIELD_V_PER_NM = 1.2
DYNAMICS = Dynamics(timestep_fs=2.0, cutoff_nm=0.9)
#: Largest relative RMS difference of each comparison.
LIMIT = {TIGHT: 1e-5, PRODUCTION: 5e-4}
RESOURCES = {
    "openmm": Resources("openmm", "Reference"),
    "hoomd": Resources("hoomd", "cpu"),
}


class Sums(NamedTuple):
    """Energies (kJ/mol) and forces (kJ/mol/nm, (N, 3)) of one configuration."""

    lj: float
    coulomb: float
    forces: np.ndarray


@pytest.fixture(scope="module")
def cell() -> tuple[Model, State]:
    """The tiny cell after a short equilibration by OpenMM."""
    return equilibrated(build_model(tiny_point()))


def equilibrated(model: Model) -> tuple[Model, State]:
    """A cell built, minimised and run for 2 ps at 300 K."""
    rng = np.random.default_rng(2)
    fast = Resources("openmm", "CPU", threads=1)
    engine = create(model, build_state(model, rng), DYNAMICS, fast)
    return model, warm_up(engine, model, rng, 1000)


@pytest.fixture(scope="module")
def direct(cell) -> Sums:
    return direct_sums(*cell)


def direct_sums(model: Model, state: State) -> Sums:
    """Truncated LJ and a direct Ewald sum, in double precision, no field."""
    lj, forces = direct_lennard_jones(model, state.positions)
    o, h1, h2 = model.waters.T
    excluded = np.concatenate([np.column_stack(pair) for pair in ((o, h1), (o, h2), (h1, h2))])
    energy, coulomb = direct_ewald(
        state.positions, model.charge, model.box, excluded_pairs=excluded
    )
    return Sums(lj, energy, forces + coulomb)


@pytest.fixture(scope="module")
def engines_at(cell, hoomd_method) -> Any:
    """Make each engine at a tolerance once for each method, with the configuration loaded."""
    model, state = cell
    made: dict[tuple[str, float], Any] = {}

    def get(name: str, tolerance: float) -> Any:
        if (name, tolerance) not in made:
            exact = replace(model, ewald_tolerance=tolerance)
            made[name, tolerance] = create(exact, state, DYNAMICS, RESOURCES[name])
        made[name, tolerance].set_field(0.0)
        return made[name, tolerance]

    return get


def direct_lennard_jones(model: Model, positions: np.ndarray) -> tuple[float, np.ndarray]:
    """Energy (kJ/mol) and forces (kJ/mol/nm) of Lennard-Jones pairs within the cut-off."""
    heavy = np.flatnonzero(model.epsilon > 0)
    tree = cKDTree(positions[heavy] % model.box, boxsize=model.box)
    i, j = heavy[tree.query_pairs(model.cutoff_nm, output_type="ndarray")].T
    delta = positions[i] - positions[j]
    delta -= model.box * np.round(delta / model.box)
    r2 = (delta**2).sum(axis=1)
    six = ((0.5 * (model.sigma[i] + model.sigma[j])) ** 2 / r2) ** 3
    epsilon = np.sqrt(model.epsilon[i] * model.epsilon[j])
    push = (24 * epsilon * (2 * six**2 - six) / r2)[:, None] * delta
    forces = np.zeros_like(positions)
    np.add.at(forces, i, push)
    np.add.at(forces, j, -push)
    return float((4 * epsilon * (six**2 - six)).sum()), forces


def parts(model: Model, positions: np.ndarray, forces: np.ndarray) -> dict[str, np.ndarray]:
    """Forces on ions, net forces and torques (kJ/mol) on waters."""
    _, relative, _ = rigid_frame(model, positions)
    on_sites = forces[model.waters]
    return {
        "ions": forces[model.ions],
        "waters": on_sites.sum(axis=1),
        "torques": np.cross(relative, on_sites).sum(axis=1),
    }


def differences(model: Model, positions: np.ndarray, a: np.ndarray, b: np.ndarray) -> dict:
    """RMS of a - b relative to the RMS of b, for each of the parts."""
    ours, theirs = parts(model, positions, a), parts(model, positions, b)
    return {
        key: float(np.sqrt(((ours[key] - theirs[key]) ** 2).sum() / (theirs[key] ** 2).sum()))
        for key in ours
    }


@pytest.mark.parametrize("field", [0.0, FIELD_V_PER_NM])
@pytest.mark.parametrize("tolerance", [TIGHT, PRODUCTION])
def test_engines_give_the_same_forces(cell, engines_at, tolerance, field):
    model, state = cell
    forces = {}
    for name in RESOURCES:
        engine = engines_at(name, tolerance)
        engine.set_field(field)
        forces[name] = engine.forces()
    found = differences(model, state.positions, forces["hoomd"], forces["openmm"])
    assert max(found.values()) < LIMIT[tolerance], found


@pytest.mark.parametrize("tolerance", [TIGHT, PRODUCTION])
@pytest.mark.parametrize("name", list(RESOURCES))
def test_each_engine_gives_the_direct_sum_s_forces(cell, direct, engines_at, name, tolerance):
    model, state = cell
    found = differences(model, state.positions, engines_at(name, tolerance).forces(), direct.forces)
    assert max(found.values()) < LIMIT[tolerance], found


def test_forces_on_single_sites_and_on_the_membrane_agree_too(cell, direct, engines_at):
    forces = engines_at("hoomd", TIGHT).forces()
    error = np.sqrt(((forces - direct.forces) ** 2).mean())
    assert error < 1e-5 * np.sqrt((direct.forces**2).mean())


@pytest.mark.parametrize("tolerance, limit", [(TIGHT, 1e-6), (PRODUCTION, 2e-4)])
def test_each_energy_term_agrees_between_engines(cell, direct, engines_at, tolerance, limit):
    model, state = cell
    hoomd, openmm = (engines_at(name, tolerance) for name in ("hoomd", "openmm"))
    terms = hoomd.energies()
    coulomb = terms["coulomb_real"] + terms["coulomb_mesh"]
    chargeless = replace(model, charge=np.zeros(model.n_atoms))
    lj = create(chargeless, state, DYNAMICS, RESOURCES["openmm"]).potential_energy()
    assert terms["lj"] == pytest.approx(direct.lj, rel=1e-9)
    assert lj == pytest.approx(direct.lj, rel=1e-9)
    assert coulomb == pytest.approx(direct.coulomb, rel=limit)
    assert openmm.potential_energy() - lj == pytest.approx(direct.coulomb, rel=limit)
    assert hoomd.potential_energy() == pytest.approx(openmm.potential_energy(), rel=limit)


def test_short_trajectories_stay_together(cell):
    # OpenMM's velocities lag by half a step, so the paths differ in proportion to the time step.
    model, state = cell
    calm = DYNAMICS.model_copy(update={"timestep_fs": 0.02, "thermostat_tau_ps": 1e6})
    ends = []
    for resources in (Resources("openmm", "CPU", threads=1), RESOURCES["hoomd"]):
        engine = create(model, state.restarted(state.velocities), calm, resources)
        engine.set_field(FIELD_V_PER_NM)
        engine.advance(250)
        ends.append(engine.positions())
    moved = np.sqrt(((ends[0] - state.positions) ** 2).mean())
    assert np.sqrt(((ends[0] - ends[1]) ** 2).mean()) < 3e-3 * moved


@pytest.mark.slow
def test_small_cell_parity_table(capsys):
    """Prints the table of docs/engines.md with pytest -m "slow and hoomd" -s and this file."""
    keys = {"cell": {"repeats_y": 8, "repeats_z": 5, "reservoir_nm": 2.0}, "dynamics": {}}
    model, state = equilibrated(build_model(tiny_point(**keys)))
    direct = direct_sums(model, state)
    where = state.positions
    for tolerance in (1e-4, PRODUCTION, TIGHT):
        exact = replace(model, ewald_tolerance=tolerance)
        forces, energies = {}, {}
        for name, resources in RESOURCES.items():
            engine = create(exact, state, DYNAMICS, resources)
            energies[name] = engine.potential_energy() - direct.lj - direct.coulomb
            for field in (0.0, FIELD_V_PER_NM):
                engine.set_field(field)
                forces[name, field] = engine.forces()
        rows = {f"{n} / direct": (forces[n, 0.0], direct.forces) for n in RESOURCES}
        for field in (0.0, FIELD_V_PER_NM):
            pair = forces["hoomd", field], forces["openmm", field]
            rows[f"hoomd / openmm, {field} V/nm"] = pair
        table = {row: differences(model, where, *pair) for row, pair in rows.items()}
        with capsys.disabled():
            print(f"\ntolerance {tolerance:g}, energies less direct {energies}")
            for row, found in table.items():
                print(f"  {row:28s}", *(f"{k} {v:.2e}" for k, v in found.items()))
        if tolerance in LIMIT:
            assert max(max(found.values()) for found in table.values()) < LIMIT[tolerance]
