"""Jobs that cannot be built or need too much memory are refused; equal pores are reported."""

import signal

import numpy as np
import pytest
from helpers import copy_studies, raw_point, tiny_point

from januspore.engines import Resources, minimise, openmm_engine, openmm_minimiser
from januspore.errors import InputError
from januspore.model.builder import build_state
from januspore.model.system import build_model, count
from januspore.run import feasible
from januspore.run.initialise import init_command
from januspore.schema import state_point
from januspore.space.dataspace import dump, open_project

STUDY = """
[cell]
repeats_y = {repeats}
repeats_z = {repeats}
reservoir_nm = {reservoir}
salt_mol_per_L = {salt}

[dynamics]
cutoff_nm = 0.9

[[charge_sets]]
Mo = 1.06
S = -0.61
Se = -0.45

[[protocols]]
name = "{name}"
{keys}
"""
BARRIER = "fields_V_per_nm = [0.3]\npositions_nm = [-0.5, 0.5]"


@pytest.fixture
def space(tmp_path):
    copy_studies(tmp_path)
    return tmp_path


def init(space, *arguments, name="sine", keys="", repeats=6, reservoir=1.5, salt=1.0):
    path = space / "own.toml"
    filled = STUDY.format(name=name, keys=keys, repeats=repeats, reservoir=reservoir, salt=salt)
    path.write_text(filled)
    init_command(["--study", str(path), *arguments], space)


def jobs(space):
    return len(open_project(space))


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"keys": "[protocols.cell]\npore_cut = 20"}, "pore_cut = 20: MoSSe has"),
        ({"keys": "[protocols.cell]\npore_diameter_nm = 0.01"}, "pore_diameter_nm = 0.01: must be"),
        (
            {"keys": "[protocols.cell]\npore_diameter_nm = 3.1\nrepeats_y = 40\nrepeats_z = 20"},
            "3.1",
        ),
        ({"name": "barrier", "keys": BARRIER, "salt": 0.0}, "salt_mol_per_L = 0: leaves no ion"),
    ],
)
def test_points_that_no_model_can_be_built_for_are_refused_and_nothing_is_made(space, keys, told):
    with pytest.raises(InputError) as caught:
        init(space, **keys)
    assert told in str(caught.value) and "protocol '" in str(caught.value)
    assert jobs(space) == 0


def test_a_cell_beyond_the_memory_is_refused_unless_forced(space, monkeypatch, capsys):
    monkeypatch.setattr(feasible, "machine_memory_GB", lambda: 16.0)
    large = {"repeats": 200, "reservoir": 20.0}
    with pytest.raises(
        InputError, match=r"[\d,]+ atoms and needs about \d+ GB .* has 16 GB.*--force"
    ):
        init(space, **large)
    assert jobs(space) == 0
    init(space, "--force", "--dry-run", **large)
    assert "atoms in the largest of them, about" in capsys.readouterr().out
    init(space)  # the tiny cell fits
    assert jobs(space) == 2


def test_the_machines_memory_is_read():
    assert 0.1 < feasible.machine_memory_GB() < 1e5


@pytest.mark.parametrize("salt", [0.0, 1.0, 6.0])
@pytest.mark.parametrize("charge_set", ["janus", "MoS2"])
@pytest.mark.parametrize("diameter", [0.85, 1.4])
def test_estimated_counts_are_those_of_the_built_model(salt, charge_set, diameter):
    raw = raw_point("sine", charge_set)
    raw["protocol"]["cell"] = {"salt_mol_per_L": salt, "pore_diameter_nm": diameter}
    point = state_point(raw)
    model, counted = build_model(point), count(point)
    assert counted.atoms == model.n_atoms
    assert (counted.pairs, counted.waters) == (len(model.indices("K")), len(model.waters))
    assert 3 * counted.units == model.frozen.sum()


def test_targets_that_give_the_same_pore_are_reported(space, capsys):
    init(space, keys="[protocols.cell]\npore_diameter_nm = 0.85")
    assert "same pore" not in capsys.readouterr().out
    init(space, keys="[protocols.cell]\npore_diameter_nm = 0.86", reservoir=1.6)
    told = capsys.readouterr().out
    assert "the same pore of MoSSe, 0.866 nm wide and 5 formula units" in told
    assert "pore_diameter_nm = 0.85; pore_diameter_nm = 0.86" in told
    init(space, keys="[protocols.cell]\npore_diameter_nm = 1.1", reservoir=1.7)
    assert capsys.readouterr().out.count("same pore") == 1  # reported once for the two earlier ones


def test_an_existing_job_that_cannot_be_built_does_not_stop_init(space, capsys):
    raw = raw_point("sine")
    raw["protocol"]["cell"] = {"pore_cut": 20}
    open_project(space).open_job(dump(state_point(raw))).init()
    init(space)
    assert jobs(space) == 3


def test_a_signal_ends_a_minimisation(monkeypatch):
    """Minimisation on OpenMM's Reference platform takes a minute; the signal comes early."""
    model = build_model(tiny_point("equilibrate"))
    resources = Resources(engine="openmm", platform="Reference")
    start = build_state(model, np.random.default_rng(0))

    def end(*_about):
        raise SystemExit(143)

    def made(*about):
        context = openmm_engine.make_context(*about)
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        return context

    monkeypatch.setattr(openmm_minimiser, "make_context", made)
    before = signal.signal(signal.SIGALRM, end)
    try:
        with pytest.raises(SystemExit) as caught:
            minimise(model, start, resources)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    # The minimisation ends between two iterations and not after the last one.
    assert [entry.name for entry in caught.traceback][-2:] == ["report", "end"]
