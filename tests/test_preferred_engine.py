"""The preferred engine of a data space: when it is used, overridden or ignored."""

import pytest

from januspore import engines
from januspore.engines import Device
from januspore.settings import KEY, Scheduling, prefer
from januspore.space.dataspace import open_project


@pytest.fixture(autouse=True)
def no_preference():
    prefer(None)
    yield
    prefer(None)


@pytest.fixture
def machine(monkeypatch):
    """Simulate a machine with OpenMM and HOOMD-blue, with or without a GPU."""

    def make(gpu, installed=("openmm", "hoomd")):
        found = [Device("CUDA", "card", True)] if gpu else [Device("CPU", "CPU")]
        monkeypatch.setattr(engines, "available", lambda: list(installed))
        monkeypatch.setattr(engines, "devices", lambda name: found)
        monkeypatch.setattr(engines, "_hoomd_sees_gpu", lambda: gpu)

    return make


@pytest.mark.parametrize(
    ("gpu", "preferred", "engine"),
    [
        (True, None, "hoomd"),
        (False, None, "openmm"),
        (True, {"gpu": "openmm", "cpu": "hoomd"}, "openmm"),
        (False, {"gpu": "openmm", "cpu": "hoomd"}, "hoomd"),
        (True, {"cpu": "openmm"}, "hoomd"),  # a preference for CPUs does not apply to a GPU
        (True, {"gpu": "gone"}, "hoomd"),
        (True, ["no", "table"], "hoomd"),
        (True, {"gpu": 7}, "hoomd"),
    ],
)
def test_the_preference_for_this_kind_of_machine_is_used(machine, gpu, preferred, engine):
    machine(gpu)
    prefer(preferred)
    assert engines.choose() == engine


@pytest.mark.parametrize(("gpu", "engine"), [(True, "openmm"), (False, "gromacs")])
def test_the_preference_for_cpus_is_not_used_where_the_default_engine_has_a_gpu(
    machine, gpu, engine
):
    machine(gpu, installed=("openmm", "gromacs"))
    prefer({"cpu": "gromacs"})
    assert engines.choose() == engine


def test_the_environment_overrides_the_preference(machine, monkeypatch):
    machine(True)
    prefer({"gpu": "openmm"})
    assert engines.choose("hoomd") == "hoomd"
    monkeypatch.setenv("JANUSPORE_ENGINE", "hoomd")
    assert engines.choose() == "hoomd"


def test_opening_a_data_space_sets_its_preference_and_requests_follow_it(tmp_path):
    project = open_project(tmp_path)
    project.doc[KEY] = {"cpu": "hoomd"}
    open_project(tmp_path)
    assert Scheduling.from_environment().engine == "hoomd"
    project.doc[KEY] = {"cpu": "an engine of later days"}
    open_project(tmp_path)
    assert Scheduling.from_environment().engine == "openmm"
