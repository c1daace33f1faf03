"""The complete workflow with simulations, by the user's commands, in a copy of the project."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from januspore.products import PRODUCTS
from januspore.products.kept import NO_FIGURE, read_product

ROOT = Path(__file__).resolve().parent.parent
#: The quick study, reduced to the fewest atoms, steps and jobs that still reach every stage.
SHORT = {
    "repeats_y": "5",
    "repeats_z": "3",
    "reservoir_nm": "0.8",
    "cutoff_nm": "0.6",
    "relax_ps": "0.4",
    "snapshot_interval_ps": "0.2",
    "frequency_GHz": "500.0",
    "frame_interval_ps": "1.0",
    "sample_interval_ps": "0.05\nenergy_interval_ps = 0.5",
    "hold_ps": "0.5",
    "up_ps": "0.2",
    "down_ps": "0.3",
    "repeats": "2",
    "charging_ps": "0.1",
    "cell": "{ pore_diameter_nm = 0.95 }",
    "preparation_ps": "0.2",
    "pulse_ps": "0.2",
    "delays_ps": "[0.1, 0.2]",
    "delay_ps": "0.1",
    "pulses": "2",
    "approach_ps": "0.2",
    "settle_ps": "0.1",
    "window_ps": "0.5",
    "seeds": '{ MoSSe = "0:2" }',
}


def copy_project(target):
    """Copy the files of a clone, with the reduced quick study."""
    for name in ("project.py", "init.py", "signac.rc", "Makefile", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, target / name)
    os.utime(target / "pyproject.toml", (0, 0))  # so that make does not install again
    shutil.copytree(ROOT / ".signac", target / ".signac", symlinks=True)
    for name in ("studies", "templates"):
        shutil.copytree(ROOT / name, target / name)
    study = target / "studies" / "quick.toml"
    text = study.read_text()
    for key, value in SHORT.items():
        text, found = re.subn(rf"^{key} = .*$", f"{key} = {value}", text, flags=re.M)
        assert found, key
    study.write_text(text)
    return target


def run(space, *command, status=0):
    """Run a command in a data space, with this environment's programs first in PATH."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT / "src")}
    environment["JANUSPORE_THREADS"] = "1"  # two test files run in parallel
    done = subprocess.run(
        command, cwd=space, env=environment, capture_output=True, text=True, encoding="utf-8"
    )
    assert done.returncode == status, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    """A data space in which the reduced study is finished."""
    target = copy_project(tmp_path_factory.mktemp("space"))
    run(target, "python", "init.py")
    run(target, "python", "project.py", "run")
    return target


def stamps(space):
    places = [space / "workspace", space / "results"]
    return {p: p.stat().st_mtime_ns for place in places for p in place.rglob("*") if p.is_file()}


def test_from_init_to_figures(space):
    made = list((space / "results").glob("*/*/*.json"))
    # Bulk liquids are in another study.
    wanted = {product.name for product in PRODUCTS if product.needs != "bulk"}
    assert {p.parent.parent.name for p in made} == wanted
    pictures = list((space / "results").glob("*/*/*.png"))
    # Each has a figure, or says why it would show nothing.
    without = {p.with_suffix(".png") for p in made if NO_FIGURE in read_product(p)["findings"]}
    assert set(pictures) == {p.with_suffix(".png") for p in made} - without
    summary = run(space, "python", "-m", "januspore", "summary").stdout
    assert f"{len(pictures)} figures" in summary
    summary = run(space, "python", "-m", "januspore", "summary", "--all").stdout
    assert "verdict" in summary and summary.count("figure:") == len(pictures)
    jobs = list((space / "workspace").iterdir())
    assert all((job / "trajectory" / "record.h5").exists() for job in jobs)
    assert not list((space / "workspace").glob("*/trajectory/parts"))


def test_the_tables_have_what_the_dashboard_compares(space):
    from januspore.dashboard.compare_figure import QUANTITIES

    for curve in (curve for quantity in QUANTITIES for curve in quantity.curves):
        (table, *_) = map(pd.read_csv, (space / "results" / curve.product).glob("*/*.csv"))
        assert {curve.x, curve.y, curve.low, curve.high, *curve.by} <= set(table.columns), curve
        for column, values in curve.where:
            assert set(values) <= set(table[column]), curve


def test_a_second_run_does_nothing(space):
    before = stamps(space)
    run(space, "python", "init.py")
    run(space, "python", "project.py", "run")
    assert stamps(space) == before


def test_signac_finds_jobs_and_knows_the_engine(space):
    found = run(space, "signac", "find", '{"protocol.name": "sine"}').stdout.split()
    assert len(found) == 2
    jobs = list((space / "workspace").iterdir())
    with_engine = run(space, "signac", "find", '{"doc.engine.name": "openmm"}').stdout.split()
    assert len(with_engine) == len(jobs)


def test_an_engine_that_is_not_installed_is_refused_in_one_line(space):
    run(space, "python", "init.py", "--seeds", "3:4")
    done = run(space, "python", "project.py", "--engine", "lammps", "run", status=2)
    assert "'lammps': must be one of" in done.stderr.strip().splitlines()[-1]


def test_submit_without_a_scheduler_says_so_in_one_line(space, monkeypatch):
    monkeypatch.setenv("SIGNAC_FLOW_ENVIRONMENT", "StandardEnvironment")
    run(space, "python", "init.py", "--seeds", "2:3")
    done = run(space, "python", "project.py", "submit", "--pretend", status=2)
    assert "no scheduler" in done.stderr.strip().splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_job_begun_with_another_engine_is_refused(space):
    import signac

    project = signac.get_project(str(space), search=False)
    (job,) = project.find_jobs({"protocol.name": "sine", "seed": 0})
    job.doc["engine"]["name"] = "hoomd"
    record = Path(job.path, "trajectory", "record.h5")
    aside = record.rename(record.with_suffix(".aside"))
    try:
        command = ("python", "project.py", "--engine", "openmm", "run", "-o", "simulate")
        done = run(space, *command, status=1)
        assert "begun with engine 'hoomd'" in done.stderr.strip().splitlines()[-1]
        assert "Traceback" not in done.stderr
    finally:
        job.doc["engine"]["name"] = "openmm"
        aside.rename(record)
