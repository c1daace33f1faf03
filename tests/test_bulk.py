"""The bulk protocol: a box of solution without a membrane, from its state point to its frames."""

import importlib.util
from dataclasses import replace

import numpy as np
import pytest
from helpers import CHARGE_SETS, ROOT, charge_sets, raw_point
from hypothesis import given
from hypothesis import strategies as st

from januspore.engines import Resources, create, gromacs_program, minimise
from januspore.errors import InputError
from januspore.model.builder import build_state
from januspore.model.state import read_state
from januspore.model.system import PURE_WATER_PER_NM3, build_model
from januspore.model.velocities import thermal_velocities
from januspore.run import operations
from januspore.run.feasible import check_buildable
from januspore.run.initialise import init_command
from januspore.schema import state_point
from januspore.simulate.layout import frames_in, trajectory
from januspore.simulate.record import read_record
from januspore.space.conditions import is_analysed, is_ready, is_recorded, read_summary
from januspore.space.dataspace import open_project
from januspore.space.study import load_study
from januspore.units import MOL_PER_LITRE
from januspore.verify.jobs import Families, faults

#: The smallest box that the shortest cut-off allows.
SMALL = {
    "name": "bulk",
    "cell": {"edge_nm": 1.5},
    "dynamics": {"timestep_fs": 2.0, "cutoff_nm": 0.7},
    "recording": {"sample_interval_ps": 0.1, "energy_interval_ps": 0.1, "frame_interval_ps": 0.2},
    "relax_ps": 0.4,
    "run_ps": 0.8,
    "field_V_per_nm": 0.5,
}
STUDY = (
    """
seeds = "0:2"
[cell]
repeats_y = 8
reservoir_nm = 2.0
[equilibration]
count = 2
"""
    + charge_sets("janus", "neutral")
    + """
[[protocols]]
name = "sine"
[[protocols]]
name = "bulk"
cell = { edge_nm = 2.5, salt_mol_per_L = 0.0 }
"""
)
ENGINES = [
    "openmm",
    pytest.param(
        "hoomd",
        marks=[
            pytest.mark.hoomd,
            pytest.mark.skipif(
                importlib.util.find_spec("hoomd") is None,
                reason="HOOMD-blue is not installed (conda-forge)",
            ),
        ],
    ),
    pytest.param(
        "gromacs",
        marks=[
            pytest.mark.gromacs,
            pytest.mark.skipif(
                not gromacs_program.is_installed(),
                reason="GROMACS (gmx, gmx_mpi) or chemfiles is not here",
            ),
        ],
    ),
]


def bulk_point(seed=0, **keys):
    return state_point({"charge_set": {"material": "none"}, "protocol": SMALL | keys, "seed": seed})


# --- the state point -----------------------------------------------------------------------------


def test_a_bulk_protocol_has_no_membrane_and_others_need_one():
    point = bulk_point()
    assert point.model_dump()["charge_set"] == {"material": "none"}
    for charges in CHARGE_SETS.values():
        with pytest.raises(InputError, match="'bulk' has no membrane; its charge set is material"):
            state_point({"charge_set": charges, "protocol": SMALL, "seed": 0})
    without = raw_point("sine") | {"charge_set": {"material": "none"}}
    with pytest.raises(InputError, match="'sine' needs a membrane: one of MoSSe"):
        state_point(without)


def test_a_box_must_be_twice_as_wide_as_the_cut_off():
    with pytest.raises(InputError, match=r"cell\.edge_nm gives an edge of 1\.400 nm"):
        bulk_point(cell={"edge_nm": 1.4})


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"cell": {"edge_nm": 1.5, "repeats_y": 4}}, "cell.repeats_y = 4: is not a key here"),
        ({"cell": {"edge_nm": 1.5, "water_per_nm3": 0.0}}, "cell.water_per_nm3 = 0.0"),
        ({"cell": {"edge_nm": 1.5, "salt": "KBr"}}, "cell.salt = 'KBr': must be one of KCl"),
        ({"run_ps": 0.05}, "run_ps = 0.05 ps must be a whole multiple of"),
        ({"relax_ps": 0.0}, "relax_ps = 0.0"),
        ({"equilibration": {"count": 2}}, "equilibration"),
    ],
)
def test_bad_keys_are_named(keys, told):
    with pytest.raises(InputError) as caught:
        bulk_point(**keys)
    assert told in str(caught.value) and "\n" not in str(caught.value)


def test_a_study_runs_a_bulk_liquid_once_for_all_charge_sets_in_its_own_box(tmp_path):
    (tmp_path / "one.toml").write_text(STUDY)
    points = load_study(str(tmp_path / "one.toml")).state_points()
    bulk = [point for point in points if point.protocol.bulk]
    assert len(points) - len(bulk) == 4  # two charge sets, two seeds
    assert [point.seed for point in bulk] == [0, 1]
    assert bulk[0].protocol.bulk.edge_nm == 2.5


# --- the model -----------------------------------------------------------------------------------


@given(
    st.floats(2.0, 4.0),
    st.floats(0.0, 3.0),
    st.one_of(st.none(), st.floats(20.0, 35.0)),
)
def test_a_box_contains_the_water_and_salt_of_its_volume_and_nothing_else(edge, molar, density):
    cell = {"edge_nm": edge, "salt_mol_per_L": molar, "water_per_nm3": density}
    point = bulk_point(cell=cell)
    model, edge = build_model(point), point.protocol.bulk.edge_nm
    assert model.box.tolist() == [edge] * 3
    assert not model.frozen.any() and model.pore.diameter_nm == 0.0
    assert len(model.ions) == 2 * round(molar * MOL_PER_LITRE * edge**3)
    assert model.charge.sum() == pytest.approx(0.0, abs=1e-9)
    if density is not None:
        assert abs(len(model.waters) - density * edge**3) <= 0.51
    elif molar == 0:
        assert abs(len(model.waters) - PURE_WATER_PER_NM3 * edge**3) <= 0.51
    assert model.n_atoms == len(model.ions) + 3 * len(model.waters)


def test_ions_start_anywhere_in_the_box():
    model = build_model(bulk_point(cell={"edge_nm": 3.0, "salt_mol_per_L": 2.0}))
    x = build_state(model, np.random.default_rng(0)).positions[model.ions, 0]
    assert (np.abs(x) < 0.7).sum() == pytest.approx(1.4 / 3.0 * len(x), abs=4 * len(x) ** 0.5 / 2)


# --- from its start to its frames, on every engine -----------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
def test_a_bulk_job_is_built_relaxed_and_run(engine, tmp_path, monkeypatch):
    monkeypatch.setenv("JANUSPORE_ENGINE", engine)
    project = _space(tmp_path)
    (job,) = project
    assert is_ready(job) and not is_recorded(job)
    operations.simulate(job)
    operations.analyse(job)
    assert is_recorded(job) and is_analysed(job)
    frames = frames_in(trajectory(job))
    assert [int(path.stem) for path in frames] == [200, 300, 400, 500, 600]
    rows, _ = read_record(trajectory(job) / "record.h5", job.id)
    assert len(rows) == 12 and (rows["field_V_per_nm"] == 0.5).all()
    # The recorded displacement equals the path between frames.
    first, last = (read_state(frames[k], job.id) for k in (0, -1))
    model = build_model(bulk_point())
    for ion, charge in model.ion_charges.items():
        path = charge * (last.positions - first.positions)[model.indices(ion), 0].sum()
        assert rows[f"{ion}_cell_e_nm"][4:].sum() == pytest.approx(path, abs=1e-9)
    assert not list(faults(job, Families([job])))
    summary = read_summary(job)
    assert not [key for key in summary if "pore" in key or "crossing" in key or "bulk" in key]


def _space(root):
    text = charge_sets("janus") + "[[protocols]]\n"
    for key, value in SMALL.items():
        if isinstance(value, dict):
            inside = ", ".join(f"{k} = {v!r}" for k, v in value.items())
            text += f"{key} = {{ {inside} }}\n"
        else:
            text += f"{key} = {value!r}\n".replace("'", '"')
    (root / "small.toml").write_text(text)
    init_command(["--study", str(root / "small.toml")], root)
    return open_project(root)


@pytest.mark.parametrize("engine", ENGINES[1:])
def test_engines_agree_on_the_forces_of_a_bulk_liquid(engine):
    """Ions atom by atom, waters by their net force: to 1e-3 of the typical force, as elsewhere."""
    model = replace(build_model(bulk_point()), ewald_tolerance=1e-5)
    rng, dynamics = np.random.default_rng(1), bulk_point().protocol.dynamics
    reference = Resources("openmm", "Reference")
    state = minimise(model, build_state(model, rng), reference)
    state = state.restarted(thermal_velocities(model, state.positions, 300.0, rng))
    found = {}
    for name in ("openmm", engine):
        resources = reference if name == "openmm" else Resources(name, "cpu")
        made = create(model, state, dynamics, resources)
        made.set_field(0.5)
        forces = made.forces()
        net = forces[model.waters].sum(axis=1)
        found[name] = np.concatenate([forces[model.ions], net])
    error = np.sqrt(np.mean((found[engine] - found["openmm"]) ** 2) / np.mean(found["openmm"] ** 2))
    assert error < 1e-3


def test_the_validation_study_can_be_built_and_runs_each_liquid_once():
    points = load_study("validation", ROOT / "studies").state_points()
    check_buildable(points)
    liquids = [point for point in points if point.protocol.bulk]
    assert {point.charge_set.material for point in liquids} == {"none"}
    assert len({point.model_dump_json() for point in liquids}) == len(liquids)
    pores = {p.protocol.cell.pore_diameter_nm for p in points if not p.protocol.bulk}
    assert {1.2, 1.6, 2.0, 2.5} <= pores
