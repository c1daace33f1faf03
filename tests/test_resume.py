"""Runs whose checkpoints, rows or frames are damaged or lost continue from the rest."""

import shutil
import signal
from contextlib import suppress
from dataclasses import replace

import pytest
from helpers import Guillotine, Killed
from toy import (
    TOY_STEPS,
    ToyEngine,
    assert_as_if_never_interrupted,
    never,
    stop_by,
    straight_run,
    toy_drive,
    toy_run,
    toy_start,
    tree_of,
)

from januspore.model.state import read_state
from januspore.settings import Limits
from januspore.simulate.driver import drive
from januspore.simulate.record import read_record


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    return straight_run(tmp_path_factory.mktemp("straight"))


def stopped_at_40(folder):
    """A run that has checkpoints at steps 30 and 40."""
    with pytest.raises(SystemExit):
        toy_drive(folder, stop_by(signal.SIGTERM, 40))
    assert read_state(folder / "checkpoint.previous.gsd").step == 30


def spoil(path, how):
    content = path.read_bytes()
    if how == "torn":
        path.write_bytes(content[: len(content) // 3])
    elif how == "empty":
        path.write_bytes(b"")
    else:
        path.write_bytes(content[:300] + bytes([content[300] ^ 4]) + content[301:])


@pytest.mark.parametrize("how", ["torn", "empty", "flipped"])
def test_the_previous_checkpoint_is_used_if_one_is_damaged(tmp_path, uninterrupted, how, capsys):
    stopped_at_40(tmp_path)
    spoil(tmp_path / "checkpoint.gsd", how)
    toy_drive(tmp_path, initial=never)
    assert "checkpoint passed over" in capsys.readouterr().err
    assert_as_if_never_interrupted(tmp_path, uninterrupted)


def test_a_damaged_checkpoint_never_replaces_a_whole_one(tmp_path, uninterrupted):
    """Not even if the run is killed while writing the next one; it never starts from `initial`."""
    stopped_at_40(tmp_path / "stopped")
    spoil(tmp_path / "stopped" / "checkpoint.gsd", "torn")
    for moment in range(20):
        folder = tmp_path / str(moment)
        shutil.copytree(tmp_path / "stopped", folder)
        with pytest.MonkeyPatch.context() as patch:
            blade = Guillotine(patch, moment)
            with suppress(Killed):
                toy_drive(folder, initial=never)
        assert blade.fell
        toy_drive(folder, initial=never)
        assert_as_if_never_interrupted(folder, uninterrupted)


def test_with_both_checkpoints_damaged_the_run_starts_again(tmp_path, uninterrupted):
    stopped_at_40(tmp_path)
    for name in ("checkpoint.gsd", "checkpoint.previous.gsd"):
        spoil(tmp_path / name, "torn")
    toy_drive(tmp_path)
    assert_as_if_never_interrupted(tmp_path, uninterrupted)


def test_another_job_s_checkpoint_is_not_continued(tmp_path, uninterrupted, capsys):
    stopped_at_40(tmp_path)
    stranger = replace(toy_run(tmp_path), owner="stranger")
    drive(stranger, toy_start, lambda s: ToyEngine().load(s))
    assert "belongs to job toy, not to stranger" in capsys.readouterr().err
    rows, _ = read_record(tmp_path / "record.h5")
    assert rows["step"][0] == 10


def test_lost_rows_are_simulated_again_from_the_newest_frame_before_them(
    tmp_path, uninterrupted, capsys
):
    stopped_at_40(tmp_path)
    sorted((tmp_path / "parts").iterdir())[-1].unlink()  # rows up to 30 and a frame at 20 remain
    toy_drive(tmp_path, initial=never)
    assert "rows are lost after step 30; simulated again from 20" in capsys.readouterr().err
    assert (tmp_path / "checkpoint.gsd.damaged").exists()
    assert_as_if_never_interrupted(tmp_path, uninterrupted)


def test_rows_lost_in_the_middle_are_simulated_again(tmp_path, uninterrupted, capsys):
    stopped_at_40(tmp_path)
    sorted((tmp_path / "parts").iterdir())[1].unlink()
    toy_drive(tmp_path, initial=never)
    assert "rows are lost after step 10; simulated again from 0" in capsys.readouterr().err
    assert_as_if_never_interrupted(tmp_path, uninterrupted)


def test_without_checkpoints_a_run_goes_on_from_its_newest_frame(tmp_path, uninterrupted, capsys):
    stopped_at_40(tmp_path)
    for checkpoint in tmp_path.glob("checkpoint*"):
        checkpoint.unlink()
    toy_drive(tmp_path, initial=never)
    assert "the checkpoint is lost; simulated again from 20" in capsys.readouterr().err
    assert_as_if_never_interrupted(tmp_path, uninterrupted)


def test_a_whole_record_needs_no_checkpoint(tmp_path):
    toy_drive(tmp_path)
    for checkpoint in tmp_path.glob("checkpoint*"):
        checkpoint.unlink()
    before = tree_of(tmp_path)
    drive(toy_run(tmp_path), never, never)
    assert tree_of(tmp_path) == before


@pytest.mark.parametrize(
    ("lost", "told"), [(20, "step 20 is lost; simulated again from 0"), (TOY_STEPS, "")]
)
def test_a_lost_frame_that_others_start_from_is_made_again(
    tmp_path, uninterrupted, capsys, lost, told
):
    toy_drive(tmp_path)
    run = replace(toy_run(tmp_path), needed=frozenset({20, TOY_STEPS}))
    run.frames.path(lost).unlink()
    capsys.readouterr()
    drive(run, never, lambda s: ToyEngine().load(s), Limits(0.0))
    assert told in capsys.readouterr().err
    assert_as_if_never_interrupted(tmp_path, uninterrupted)
