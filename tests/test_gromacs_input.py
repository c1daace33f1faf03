"""Input files for GROMACS agree with model and programme; these tests need no GROMACS."""

import math

import numpy as np
import pytest
from helpers import TINY, free_model, raw_point, thermal_state

from januspore.engines import Tether
from januspore.engines.base import ewald_parameters, tether_force
from januspore.engines.gromacs_input import (
    Output,
    Pull,
    configuration,
    groups,
    parameters,
    tether_parameters,
    topology,
    wave,
)
from januspore.materials import MATERIALS, SALTS
from januspore.model.forcefield import SPECIES
from januspore.model.system import build_model
from januspore.protocols import Dynamics
from januspore.protocols.field import Constant, Ramp, Repeat, Sequence, SineWave
from januspore.schema import state_point

MODEL = free_model(2, 5, (1.5, 1.4, 1.3), membrane=(("Mo", 0.0, 0.3, 0.3), ("S", 0.15, -0.3, 0.3)))
DT = 0.002
PROGRAMMES = {
    "constant": Constant(3.0, -0.7),
    "sine": SineWave(3.0, 1.2, 900.0, 0.7),
    "ramp": Ramp(3.0, -0.3, 1.2),
    "falling ramp": Ramp(3.0, 0.9, 0.1),
    "level ramp": Ramp(3.0, 0.4, 0.4),
    "sequence": Sequence((Constant(1.0, 0.5), SineWave(1.0, 1.2, 2100.0), Ramp(1.0, 1.0, -1.0))),
    "repeated": Repeat(Sequence((Ramp(0.5, 0.0, 1.2), Ramp(0.5, 1.2, 0.0))), 3),
}


@pytest.mark.parametrize("programme", PROGRAMMES.values(), ids=PROGRAMMES)
def test_the_field_of_every_step_is_the_programme_s_in_its_middle(programme):
    leaves = list(programme.leaves())
    assert leaves[-1][0] + leaves[-1][1].duration_ps == pytest.approx(3.0)
    for start, leaf in leaves:
        for begin, end in ((start, start + leaf.duration_ps), (start + 0.2, start + 0.4)):
            given = wave(programme, begin, end, DT)
            steps = np.arange(round(begin / DT), round(end / DT)) * DT
            phase = given.omega_per_ps * (steps - given.start_ps)
            field = given.amplitude_V_per_nm * np.cos(phase)
            exact = [programme.value(t + DT / 2) for t in steps]
            assert field == pytest.approx(exact, abs=2e-5)


def test_a_stretch_across_two_segments_is_refused():
    with pytest.raises(ValueError, match=r"no segment .* 0.9 to 1.1 ps"):
        wave(PROGRAMMES["sequence"], 0.9, 1.1, DT)


def test_the_topology_has_the_model_s_atoms_in_its_order():
    lines = topology(MODEL).splitlines()
    counts = [line.split() for line in lines[lines.index("[ molecules ]") + 1 :]]
    assert counts == [["Mo", "1"], ["S", "1"], ["K", "2"], ["Cl", "2"], ["SOL", "5"]]
    assert lines[lines.index("[ defaults ]") + 1].split()[:2] == ["1", "2"]  # Lorentz-Berthelot
    for name in ("Mo", "S", "K", "Cl", "O", "H"):
        i = MODEL.indices(name)[0]
        row = next(line.split() for line in lines if line.startswith(f"{name} ") and " A " in line)
        assert [float(row[k]) for k in (4, 5)] == [MODEL.sigma[i], MODEL.epsilon[i]]
        atom = next(
            line.split() for line in lines if line.split()[1:2] == [name] and len(line.split()) == 8
        )
        assert [float(atom[k]) for k in (6, 7)] == [MODEL.charge[i], MODEL.mass[i]]


@pytest.mark.parametrize("material", MATERIALS)
@pytest.mark.parametrize("salt", SALTS)
def test_every_salt_and_monolayer_has_its_molecules_in_the_order_of_its_atoms(salt, material):
    """GROMACS assigns parameters by order: in another order Na would have those of Cl."""
    raw = raw_point() | {"charge_set": {"material": material}}
    raw["charge_set"] |= dict.fromkeys(MATERIALS[material].elements, 0.0)
    raw["protocol"] |= TINY | {"force_field": {"generic_lennard_jones": True}}
    raw["protocol"]["cell"] = TINY["cell"] | {"salt": salt}
    model = build_model(state_point(raw))
    lines = topology(model).splitlines()
    molecules = [line.split() for line in lines[lines.index("[ molecules ]") + 1 :]]
    atoms = {"SOL": ["O", "H", "H"]}
    named = [n for name, count in molecules for n in atoms.get(name, [name]) * int(count)]
    assert named == [SPECIES[i] for i in model.type_id]


def test_a_configuration_keeps_twelve_decimals_and_whole_molecules_in_the_box():
    state = thermal_state(MODEL)
    images = np.random.default_rng(0).integers(-3, 4, (MODEL.n_atoms, 3)).astype(float)
    images[MODEL.waters] = images[MODEL.waters[:, :1]]
    text = configuration(MODEL, state.positions + images * MODEL.box, state.velocities)
    _, count, *rows, box = text.splitlines()
    assert int(count) == len(rows) == MODEL.n_atoms
    # Fixed columns: 20 characters for names and indices, 17 for each coordinate.
    values = np.array([[float(row[20 + 17 * k : 37 + 17 * k]) for k in range(6)] for row in rows])
    assert np.array(box.split(), dtype=float) == pytest.approx(MODEL.box)
    shift = (values[:, :3] - state.positions) / MODEL.box
    assert shift == pytest.approx(np.round(shift), abs=1e-11)
    first = values[np.setdiff1d(np.arange(MODEL.n_atoms), MODEL.waters[:, 1:]), :3]
    assert (first >= 0).all() and (first <= MODEL.box).all()
    bonds = values[MODEL.waters[:, 1:], :3] - values[MODEL.waters[:, :1], :3]
    assert np.linalg.norm(bonds, axis=-1) == pytest.approx(0.1, abs=1e-9)
    assert values[:, 3:] == pytest.approx(state.velocities, abs=1e-12)


def mdp(**keys):
    given = {
        "model": MODEL,
        "dynamics": Dynamics(timestep_fs=2.0, thermostat_tau_ps=0.1),
        "end_step": 100,
        "zero_ps": 0.0,
        "field": wave(Constant(1.0, 0.5), 0.0, 1.0, DT),
        "output": Output(50),
        "neighbour_steps": 10,
        "pull": {},
    }
    lines = parameters(**(given | keys)).splitlines()
    return dict(line.split(" = ") for line in lines)


def test_parameters_are_those_of_the_model():
    found = mdp()
    ewald = ewald_parameters(MODEL)
    assert math.erfc(ewald.alpha * MODEL.cutoff_nm) == pytest.approx(float(found["ewald-rtol"]))
    assert [int(found[f"fourier-n{axis}"]) for axis in "xyz"] == list(ewald.mesh)
    assert float(found["tau-t"]) == pytest.approx(2 * math.pi * 0.1)
    assert found["electric-field-x"] == "0.5 0.0 0 0"
    assert (found["comm-mode"], found["pcoupl"], found["vdw-modifier"]) == ("none", "no", "None")
    assert found["freezedim"] == "Y Y Y"


@pytest.mark.parametrize("t", [1.0, 1.5, 3.0])
@pytest.mark.parametrize("zero_ps", [0.0, 0.75])
def test_the_pull_coordinates_are_the_tether_at_any_time(t, zero_ps):
    tether = Tether(3, 8000.0)
    pull = Pull(1.0, (-0.4, 0.6), 3.0, (0.1, 0.2))
    found = tether_parameters(tether, pull, zero_ps)
    part = (t - 1.0) / 2.0
    x, radius = -0.4 + 0.5 * part, 0.6 - 0.4 * part
    at = [
        found[f"pull-coord{k}-init"] + found[f"pull-coord{k}-rate"] * (t - zero_ps) for k in (1, 2)
    ]
    origin = float(str(found["pull-coord1-origin"]).split()[0])
    assert origin + at[0] == pytest.approx(x)
    assert at[1] == pytest.approx(radius)
    where = np.array([0.3, 0.5, -0.2])
    force = tether_force(where, x, radius, 8000.0, np.array([5.0, 5.0, 5.0]))
    assert -found["pull-coord1-k"] * (where[0] - origin - at[0]) == pytest.approx(force[0])


def test_groups_count_from_one_and_empty_ones_are_left_out():
    text = groups(MODEL, Tether(3, 1.0)).split()
    assert text[-4:] == ["[", "Held", "]", "4"]
    assert text[text.index("Frozen") + 2 : text.index("Held") - 1] == ["1", "2"]
    assert "Frozen" not in groups(free_model(1, 0, (1.3, 1.3, 1.3)), None)
