"""Estimated times of jobs, from a given rate or from one that is measured in a small cell."""

import pytest
from helpers import copy_studies, raw_point, tiny_point
from test_study import tree

from januspore.run import estimate
from januspore.run.estimate import Rate, calibrate
from januspore.run.initialise import init_command
from januspore.run.resources import atoms
from januspore.schema import state_point
from januspore.space.dataspace import open_project


def test_hours_follow_from_atoms_steps_and_snapshots():
    sine = tiny_point("sine", frequency_GHz=100.0, cycles=3)
    start = tiny_point(relax_ps=20.0, snapshot_interval_ps=5.0)
    # 30 ps of a sine, and 20 ps with two snapshots more at intervals of 5 ps; 2 fs a step.
    steps = (30 + 30) / 0.002
    rate = Rate(atoms(sine) * 10.0, "")
    assert rate.hours([(sine, 1), (start, 3)]) == pytest.approx(steps / 10 / 3600)


def test_a_small_cell_is_measured_for_a_large_one_unless_that_is_affordable(monkeypatch):
    measured = []

    def rate_of(atom_steps_per_s):
        def measure(point):
            measured.append(point.protocol.cell.repeats_y)
            return Rate(atom_steps_per_s, "")

        return measure

    paper, tiny = state_point(raw_point()), tiny_point("sine")
    for point, rate, cells in ((paper, 1e5, [8]), (paper, 1e9, [8, 16]), (tiny, 1e9, [6])):
        monkeypatch.setattr(estimate, "_measured", rate_of(rate))
        assert calibrate(point).atom_steps_per_s == rate
        assert measured == cells
        measured.clear()
    raw = raw_point()
    raw["protocol"]["dynamics"] = {"cutoff_nm": 1.4}  # the small cell cannot hold it
    monkeypatch.setattr(estimate, "_measured", rate_of(1e5))
    calibrate(state_point(raw))
    assert measured == [16]


def test_a_calibrated_dry_run_says_the_time_and_writes_nothing(tmp_path, monkeypatch, capsys):
    copy_studies(tmp_path)
    study = tmp_path / "studies" / "quick.toml"
    text = study.read_text()
    for old, new in (("repeats_y = 6", "repeats_y = 5"), ("repeats_z = 4", "repeats_z = 3")):
        text = text.replace(old, new)
    study.write_text(text.replace("1.5", "0.8", 1).replace("cutoff_nm = 0.9", "cutoff_nm = 0.6"))
    monkeypatch.setattr(estimate, "TIMED_S", 0.05)
    open_project(tmp_path)
    before = tree(tmp_path)
    init_command(["--dry-run", "--calibrate"], tmp_path)
    out = capsys.readouterr().out
    assert "one after the other: measured now" in out and "openmm on" in out
    assert "0.0 min" not in out and tree(tmp_path) == before
