"""Requests of jobs to a scheduler: for the paper's cell, growing with the work, and capped."""

import math

import pytest
from helpers import raw_point, tiny_point

from januspore.errors import InputError
from januspore.model.system import build_model
from januspore.run import resources
from januspore.schema import state_point
from januspore.settings import Scheduling


def paper_point(protocol="sine", **keys):
    raw = raw_point(protocol)
    raw["protocol"] |= keys
    return state_point(raw)


def test_atoms_are_those_of_the_model():
    for point in (paper_point(), tiny_point(), state_point(raw_point("sine", "MoS2"))):
        assert resources.atoms(point) == build_model(point).n_atoms


def test_the_estimate_without_margin_is_the_measured_time():
    # docs/engines.md: 176 ms a step on one thread in the paper's cell, 16,432 atoms.
    point = paper_point(cycles=1)
    alone = Scheduling(threads=1, most_hours=8760)
    hours = resources.simulation(point, 1, alone).walltime_hours - resources.START_HOURS
    measured = 5e6 * 0.176 / 3600
    assert 1 < hours / measured / resources.MARGIN < 1.25


def test_requests_for_the_papers_cell():
    on_cpu = resources.simulation(paper_point(), 1, Scheduling())
    assert (on_cpu.threads, on_cpu.gpus, on_cpu.walltime_hours) == (8, 0, 24.0)
    assert 1 <= on_cpu.memory_GB <= 4
    on_gpu = resources.simulation(paper_point(), 1, Scheduling(jobs_per_gpu=4))
    assert (on_gpu.threads, on_gpu.gpus) == (1, 1)
    train = resources.simulation(paper_point("pulse_train"), 1, Scheduling(jobs_per_gpu=4))
    assert train.walltime_hours < 2


def test_requests_for_the_tiny_cell_fit_a_laptop():
    asked = resources.simulation(tiny_point("equilibrate"), 1, Scheduling())
    assert asked.threads == 2 and asked.walltime_hours < 1


def test_more_work_asks_for_more_time_and_more_threads_for_less():
    short, long = (paper_point(cycles=n) for n in (1, 2))
    free = Scheduling(most_hours=8760)

    def hours(point, settings=free, snapshots=1):
        return resources.simulation(point, snapshots, settings).walltime_hours

    assert hours(long) > 1.8 * hours(short)
    assert hours(short, Scheduling(threads=16, most_hours=8760)) < hours(short)
    assert hours(short, Scheduling(engine="hoomd", most_hours=8760)) > hours(short)
    relax = paper_point("equilibrate")
    assert hours(relax, snapshots=9) > hours(relax)
    shared = Scheduling(jobs_per_gpu=8, most_hours=8760)
    assert hours(short, shared) > hours(short, Scheduling(jobs_per_gpu=1, most_hours=8760))


def test_a_given_rate_overrides_the_assumed_one():
    point = paper_point(cycles=1)
    told = Scheduling(jobs_per_gpu=1, atom_steps_per_s=1e8, most_hours=8760)
    steps = 5e6
    expected = resources.MARGIN * steps * resources.atoms(point) / 1e8 / 3600
    asked = resources.simulation(point, 1, told).walltime_hours
    assert asked == pytest.approx(expected + resources.START_HOURS, abs=1 / 60)


def test_walltimes_are_whole_minutes():
    for point in (tiny_point("equilibrate"), paper_point("pulse_train"), paper_point(cycles=1)):
        minutes = 60 * resources.simulation(point, 1, Scheduling()).walltime_hours
        assert math.isclose(minutes, round(minutes), abs_tol=1e-9) and minutes >= 15
        assert resources.analysis(point, 1).walltime_hours > 0
    assert resources.product(150).walltime_hours > resources.product(1).walltime_hours


def test_settings_come_from_the_environment(monkeypatch):
    assert Scheduling.from_environment() == Scheduling()
    monkeypatch.setenv("JANUSPORE_JOBS_PER_GPU", "4")
    monkeypatch.setenv("JANUSPORE_THREADS", "3")
    monkeypatch.setenv("JANUSPORE_MAX_HOURS", "12.5")
    monkeypatch.setenv("JANUSPORE_ATOM_STEPS_PER_S", "2e7")
    monkeypatch.setenv("JANUSPORE_ENGINE", "hoomd")
    assert Scheduling.from_environment() == Scheduling("hoomd", 4, 3, 2e7, 12.5)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("JANUSPORE_JOBS_PER_GPU", "-1"),
        ("JANUSPORE_JOBS_PER_GPU", "1.5"),
        ("JANUSPORE_THREADS", "0"),
        ("JANUSPORE_MAX_HOURS", "nan"),
        ("JANUSPORE_MAX_HOURS", "soon"),
        ("JANUSPORE_ATOM_STEPS_PER_S", "-inf"),
        ("JANUSPORE_ENGINE", "lammps"),
    ],
)
def test_unusable_settings_are_named(monkeypatch, key, value):
    monkeypatch.setenv(key, value)
    with pytest.raises(InputError, match=f"^{key} = '{value}': must be "):
        Scheduling.from_environment()
