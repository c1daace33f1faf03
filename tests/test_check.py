"""`python -m januspore check`: it detects faults and recommends the fastest engine."""

import json
import math
import os
import platform
import sys
import types
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from helpers import copy_studies, tiny_point

from januspore import engines
from januspore.check import advice, cells, trial
from januspore.check.advice import Trial
from januspore.check.beside import mps
from januspore.check.bounds import LIMITS, faults_of
from januspore.check.command import Clock, check, isolated
from januspore.check.kernel import kernel_width
from januspore.engines import Device
from januspore.engines.openmm_engine import OpenMMEngine
from januspore.errors import InputError
from januspore.run.resources import atoms
from januspore.settings import KEY, prefer
from januspore.space.dataspace import open_project, project_document

RIGHT = {"T_trans_K": 301.0, "T_rot_K": 299.0, **dict.fromkeys(LIMITS, 1e-9)}


@pytest.fixture(autouse=True)
def no_preference():
    prefer(None)
    yield
    prefer(None)


# --- bounds --------------------------------------------------------------------------------------


def test_numbers_within_their_bounds_are_no_faults():
    assert faults_of(RIGHT) == []
    assert faults_of({name: limit for name, (limit, _) in LIMITS.items()}) == []


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("value", [1.01, math.nan, math.inf])
def test_each_number_beyond_its_bound_is_reported_in_one_line_with_the_bound(name, value):
    limit, what = LIMITS[name]
    (fault,) = faults_of({**RIGHT, name: value * limit})
    assert fault.startswith(what) and f"more than {limit:g}" in fault


@pytest.mark.parametrize("kelvin", [100.0, 500.0, math.nan])
def test_a_wrong_temperature_is_a_fault(kelvin):
    (fault,) = faults_of({**RIGHT, "T_rot_K": kelvin})
    assert "T_rot_K" in fault and "240 to 360" in fault


# --- advice --------------------------------------------------------------------------------------


def made(engine, speeds, gains=None, is_gpu=False, **keys):
    """A trial with speeds by cell, ns/day, and relative throughputs by number side by side."""
    made = Trial(engine, "gpu" if is_gpu else "cpu", "device", is_gpu, **keys)
    made.speed = {
        cell: {"ns_per_day": ns, "atoms": 1000, "ms_per_step": 2.0} for cell, ns in speeds.items()
    }
    made.beside = [
        {"side_by_side": n, "ns_per_day": 10.0 * gain, "atom_steps_per_s_each": 1e6 / n}
        for n, gain in (gains or {}).items()
    ]
    return made


def test_the_fastest_has_the_most_throughput_in_the_largest_cell_timed_for_all():
    quick = made("quick", {"tiny": 9.0, "small": 5.0})
    shared = made("shared", {"tiny": 4.0, "small": 3.0, "paper": 1.0}, {1: 1.0, 2: 1.8})
    assert advice.fastest([quick, shared]) is shared  # 3.0 x 1.8 > 5.0
    shared.beside = []
    assert advice.fastest([quick, shared]) is quick
    wrong = made("wrong", {"tiny": 99.0, "small": 99.0}, faults=["forces"])
    pocl = replace(made("openmm", {"tiny": 99.0, "small": 99.0}), platform="OpenCL")
    assert advice.fastest([quick, wrong, pocl]) is quick
    assert advice.fastest([wrong]) is None


@pytest.mark.parametrize(
    ("gains", "count"),
    [({}, 1), ({1: 1.0, 2: 1.05, 4: 1.1}, 1), ({1: 1.0, 2: 1.9, 4: 3.0, 8: 3.1}, 4)],
)
def test_no_more_are_recommended_side_by_side_than_raise_the_throughput(gains, count):
    assert made("any", {"tiny": 1.0}, gains).side_by_side == count


def test_settings_and_preferences_name_the_best_of_each_kind():
    gpu = made("hoomd", {"tiny": 1.0}, {1: 1.0, 2: 1.9}, is_gpu=True)
    cpu, slow = made("openmm", {"tiny": 1.0}), made("hoomd", {"tiny": 0.5})
    assert advice.by_kind([gpu, cpu, slow]) == {"gpu": "hoomd", "cpu": "openmm"}
    assert advice.settings(gpu) == {
        "JANUSPORE_ENGINE": "hoomd",
        "JANUSPORE_JOBS_PER_GPU": "2",
        "JANUSPORE_ATOM_STEPS_PER_S": "5e+05",
    }
    assert advice.settings(cpu)["JANUSPORE_THREADS"] == "1"


def test_an_engine_that_takes_a_gpu_only_when_told_is_recommended_with_its_platform():
    """An example is GROMACS, which runs on the CPU if no platform is named."""
    told = made("gromacs", {"tiny": 9.0}, is_gpu=True, by_itself=False)
    unasked = made("openmm", {"tiny": 1.0}, is_gpu=True)
    assert advice.fastest([told, unasked]) is told
    assert advice.settings(told)["JANUSPORE_PLATFORM"] == "gpu"
    assert advice.by_kind([told, unasked]) == {"gpu": "openmm"}


def test_the_time_of_a_study_is_its_steps_divided_by_the_throughput():
    point = tiny_point("sine", frequency_GHz=100.0, cycles=2)  # 20 ps, 10,000 steps of 2 fs
    timed = made("any", {"tiny": 1.0}, {1: 1.0, 4: 2.0})
    speed = {"atoms": atoms(point), "ms_per_step": 3.6}
    assert advice.hours([(point, 1)] * 8, speed, timed) == pytest.approx(8 * 0.01 / 2)
    # A single job cannot share the gain of four.
    assert advice.hours([(point, 1)], speed, timed) == pytest.approx(0.01)


# --- the command ---------------------------------------------------------------------------------


def timed(task, limit_s):
    """Replaces the slow tasks: timings, and the run of 1 ps."""
    if task["do"] == "motion":
        return {k: v for k, v in RIGHT.items() if k not in ("ions", "waters", "field")}
    if task["do"] == "speed":
        ms = 3.0 if task["resources"]["engine"] == "openmm" else 1.0
        ns = 2e-6 * 86400 / (ms * 1e-3)
        return {"cell": task["cell"], "atoms": 1000, "ms_per_step": ms, "ns_per_day": ns}
    if task["do"] == "side_by_side":
        return {"side_by_side": task["count"], "ns_per_day": 60.0, "atom_steps_per_s_each": 3e5}
    if task["do"] == "prepare":
        if task["cell"] == "tiny":
            Path(task["folder"], "tiny.gsd").write_bytes(relaxed_tiny())
        return {"seconds": 0.1}
    return trial.carry_out(task)


@lru_cache(maxsize=1)
def relaxed_tiny():
    """The file of a relaxed configuration, made once as it takes a second."""
    with TemporaryDirectory() as folder:
        resources = {"engine": "openmm", "platform": "CPU"}
        task = {"do": "prepare", "folder": folder, "resources": resources, "cell": "tiny"}
        assert "fault" not in trial.carry_out(task)
        return Path(folder, "tiny.gsd").read_bytes()


@pytest.fixture
def space(tmp_path, monkeypatch):
    """A data space with an even smaller tiny cell and OpenMM's CPU platform only."""
    copy_studies(tmp_path)
    small = {"repeats_y": 5, "repeats_z": 3, "reservoir_nm": 0.8}
    dynamics = {"timestep_fs": 2.0, "cutoff_nm": 0.6}
    monkeypatch.setitem(cells.CELLS, "tiny", {"cell": small, "dynamics": dynamics})
    monkeypatch.setattr("januspore.engines.openmm_platform.driver_devices", lambda platform: ())
    monkeypatch.setattr("os.getloadavg", lambda: (0.0, 0.0, 0.0))
    only = {"openmm": engines.Entry(".openmm_engine", lambda: True)}
    monkeypatch.setattr(engines, "ENGINES", only)
    return open_project(tmp_path)


def add_engine(monkeypatch, name, factor):
    """Add an engine that is OpenMM with its forces times a factor."""

    class Scaled(OpenMMEngine):
        def forces(self):
            return super().forces() * factor

    module = types.ModuleType(f"januspore.engines.{name}_engine")
    module.devices = lambda: [Device("cpu", "CPU")]
    module.create = lambda model, dynamics, resources, tether=None: Scaled(
        model, dynamics, replace(resources, platform="CPU"), tether
    )
    monkeypatch.setitem(sys.modules, module.__name__, module)
    entry = engines.Entry(f".{name}_engine", lambda: True)
    monkeypatch.setitem(engines.ENGINES, name, entry)


def test_a_machine_without_faults_gets_a_recommendation_that_is_stored(space, monkeypatch, capsys):
    add_engine(monkeypatch, "other", 1.0)
    assert check(space, 120.0, ask=timed) == 0
    told = capsys.readouterr()
    assert told.err == ""
    for line in ("other cpu", "JANUSPORE_ENGINE=other", "written down for this data space"):
        assert line in told.out
    assert "study quick:" in told.out
    assert project_document(space)[KEY] == {"cpu": "other"}
    open_project(Path(space.path))
    assert engines.choose() == "other"


def test_an_engine_whose_forces_are_wrong_by_one_per_cent_is_detected(space, monkeypatch, capsys):
    add_engine(monkeypatch, "wrong", 1.01)
    assert check(space, 120.0, ask=timed) == 1
    told = capsys.readouterr()
    errors = told.err.splitlines()
    assert len(errors) == 3 and all(line.startswith("error: wrong on cpu: ") for line in errors)
    assert "forces on ions differ from OpenMM's Reference platform by 1.0e-02" in errors[0]
    assert "JANUSPORE_ENGINE=openmm" in told.out  # the engine without faults is still recommended
    assert KEY not in project_document(space)


def test_json_contains_all_numbers_of_the_table(space, capsys):
    assert check(space, 120.0, as_json=True, keep=False, ask=timed) == 0
    report = json.loads(capsys.readouterr().out)
    (tried,) = report["trials"]
    assert tried["about"]["platform"] == "CPU" and tried["numbers"]["ions"] < 5e-5
    assert set(tried["speed"]) == {"tiny", "small", "paper"}
    assert {"quick", "medium", "paper"} == set(report["studies"])
    assert report["studies"]["paper"]["timed_cell"] == "paper"
    assert report["recommended"]["JANUSPORE_ENGINE"] == "openmm" and not report["faults"]
    assert KEY not in project_document(space)


def test_the_time_of_a_cell_that_was_not_timed_is_scaled_from_the_largest_that_was(space, capsys):
    def ask(task, limit_s):
        if task["do"] == "prepare" and task["cell"] == "paper":
            return {"fault": "no answer within 60 s"}
        return timed(task, limit_s)

    assert check(space, 120.0, keep=False, ask=ask) == 0
    out = capsys.readouterr().out
    assert "judged by the small cell" in out
    assert "note: the paper cell was not timed: no answer within 60 s" in out


def test_timings_of_a_busy_machine_or_of_the_tiny_cell_alone_leave_no_preference(
    space, monkeypatch, capsys
):
    def ask(task, limit_s):
        if task["do"] == "prepare" and task["cell"] == "small":
            return {"fault": "no answer within 60 s"}
        return timed(task, limit_s)

    assert check(space, 120.0, ask=ask) == 0
    assert "no preference was written down" in capsys.readouterr().out
    monkeypatch.setattr("os.getloadavg", lambda: (99.0, 9.0, 9.0))
    assert check(space, 120.0, ask=timed) == 0
    assert "busy with other work" in capsys.readouterr().out
    assert KEY not in project_document(space)


def test_timings_that_were_skipped_are_named_and_not_estimated(space, capsys):
    assert check(space, 0.0, ask=timed) == 0
    out = capsys.readouterr().out
    assert "not timed, as no time was left" in out
    assert "nothing is recommended" in out
    assert KEY not in project_document(space)


@pytest.mark.parametrize("seconds", [-1.0, math.nan, math.inf])
def test_a_time_limit_that_is_not_a_positive_number_is_refused(space, seconds):
    with pytest.raises(InputError, match="--seconds"):
        check(space, seconds, ask=timed)


def test_a_trial_that_crashes_affects_only_its_engine(space, monkeypatch, capsys):
    add_engine(monkeypatch, "other", 1.0)

    def ask(task, limit_s):
        if task["do"] == "forces" and task["resources"]["engine"] == "other":
            return {"fault": "ended with status -11: "}
        return timed(task, limit_s)

    assert check(space, 120.0, ask=ask) == 1
    told = capsys.readouterr()
    assert told.err == "error: other on cpu: ended with status -11: \n"
    assert "JANUSPORE_ENGINE=openmm" in told.out


def test_a_real_run_and_restart_is_within_its_bounds(space, tmp_path, monkeypatch):
    monkeypatch.setattr(trial, "_RUN_STEPS", 100)
    resources = {"engine": "openmm", "platform": "CPU", "threads": 1}
    task = {"folder": str(tmp_path), "resources": resources}
    (tmp_path / "tiny.gsd").write_bytes(relaxed_tiny())
    moved = trial.carry_out({**task, "do": "motion"})
    assert moved["steps"] == 100 and faults_of(moved) == []
    assert 0 < moved["restart_nm"] < 1e-5
    told = trial.carry_out({**task, "do": "speed", "cell": "tiny", "seconds": 0.05})
    assert told["steps"] > 0 and told["ns_per_day"] > 0


# --- separate processes --------------------------------------------------------------------------


def test_a_task_runs_in_a_process_of_its_own_and_its_faults_are_one_line(tmp_path):
    resources = {"engine": "openmm", "platform": None, "threads": 1}
    task = {"do": "devices", "folder": str(tmp_path), "resources": resources}
    assert "CPU" in [d["platform"] for d in isolated(task, 120.0)["devices"]]
    late = isolated(task, 0.01)
    assert late == {"fault": "no answer within 0 s"}
    lost = isolated({**task, "do": "yardstick"}, 120.0)
    assert "tiny.gsd" in lost["fault"] and "\n" not in lost["fault"]
    unknown = isolated({**task, "do": "nothing"}, 120.0)
    assert unknown["fault"].startswith("ended with status 1")


@pytest.mark.parametrize("works", [True, False])
def test_mps_is_started_and_ended_if_possible_and_the_environment_restored(
    works, tmp_path, monkeypatch
):
    log = tmp_path / "log"
    control = tmp_path / "nvidia-cuda-mps-control"
    control.write_text(
        f'#!/bin/sh\necho "$1:$CUDA_MPS_PIPE_DIRECTORY" >> {log}\n[ -n "$1" ] || cat >> {log}\n'
        f"exit {0 if works else 1}\n"
    )
    control.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("CUDA_MPS_LOG_DIRECTORY", "mine")
    with mps() as runs:
        assert runs is works
        assert Path(os.environ["CUDA_MPS_PIPE_DIRECTORY"]).is_dir()
    assert "CUDA_MPS_PIPE_DIRECTORY" not in os.environ
    assert os.environ["CUDA_MPS_LOG_DIRECTORY"] == "mine"
    told = log.read_text()
    assert told.startswith("-d:/") and ("quit" in told) is works


def test_the_time_limit_counts_from_its_first_use():
    clock = Clock(100.0)
    assert 99.0 < clock.left() <= 100.0
    assert clock.left() < 100.0


def _avx():
    try:
        return " avx " in Path("/proc/cpuinfo").read_text().replace("\n", " ")
    except OSError:
        return False


@pytest.mark.skipif(platform.machine() != "x86_64" or not _avx(), reason="no x86 CPU with AVX")
def test_the_kernel_that_is_required_on_x86_uses_avx():
    """Fails if the installed OpenMM does not use AVX, which the pin in pyproject.toml prevents."""
    assert kernel_width() == 8
