"""Files are written whole or not at all, whatever stops the writer."""

import errno

import pytest

from januspore.files import written_aside


def test_a_file_is_replaced_when_it_is_whole_and_not_before(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with written_aside(path) as aside:
        aside.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_an_error_leaves_the_old_file_and_no_temporary_one(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(OSError, match="No space"), written_aside(path) as aside:
        aside.write_text("ne")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_the_file_of_a_killed_writer_is_recognised_by_its_name(tmp_path):
    with written_aside(tmp_path / "a.txt") as aside:
        aside.write_text("half")
        assert list(tmp_path.glob(".*.tmp")) == [aside]
