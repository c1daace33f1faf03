"""Record files: rows are neither lost nor doubled when the process is killed at any moment."""

import shutil
import subprocess
import sys
from contextlib import suppress

import h5py
import numpy as np
import pytest
from helpers import Guillotine, Killed
from hypothesis import given, settings
from hypothesis import strategies as st

from januspore.analysis.store import read_arrays, write_arrays
from januspore.errors import InputError
from januspore.files import seal_holds
from januspore.simulate.record import (
    RAGGED,
    RecordError,
    RecordFiles,
    Rows,
    columns_of,
    join,
    read_record,
    write_record,
)

SPACING = 50


def rows(first, last):
    """Rows of samples first to last, counted from 1; values encode the number of their sample."""
    sample = np.arange(first, last + 1)
    waters = sample % 4
    columns = {name: (sample * 10).astype(kind) for name, kind in columns_of(("K", "Cl")).items()}
    columns |= {"step": sample * SPACING, "water_in_pore": waters.astype(np.int32)}
    of = np.repeat(sample, waters).astype(np.float32)
    return Rows(columns | {name: of for name in RAGGED})


def assert_complete(found, last):
    expected = rows(1, last)
    for name, column in expected.columns.items():
        assert np.array_equal(found[name], column), name
        assert found[name].dtype == column.dtype, name


def test_rows_come_back_with_their_types_and_attributes(tmp_path):
    attributes = {"job": "abc", "engine": {"name": "openmm", "threads": 2}, "list": [1, 2.5, None]}
    write_record(tmp_path / "r.h5", rows(1, 2000), attributes)
    found, kept = read_record(tmp_path / "r.h5")
    assert_complete(found, 2000)
    assert kept == attributes


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(0, 80))
@settings(max_examples=10)
def test_rewinding_keeps_exactly_the_rows_up_to_a_part_s_end(tmp_path_factory, sizes, joined):
    """`joined` is the number of parts that were consolidated before the rewind."""
    ends = np.cumsum(sizes).tolist()
    for keep in [0, *ends]:
        files = RecordFiles(tmp_path_factory.mktemp("record"))
        for i, (size, end) in enumerate(zip(sizes, ends, strict=True)):
            files.append(rows(end - size + 1, end))
            if i == joined % len(sizes):
                files.consolidate({})
        assert files.reach(0, SPACING) == ends[-1] * SPACING
        files.rewind(keep * SPACING)
        assert files.reach(0, SPACING) == keep * SPACING
        files.append(rows(keep + 1, keep + 3))
        files.consolidate({"a": 1})
        assert_complete(read_record(files.path)[0], keep + 3)


@pytest.mark.parametrize("keep", [0, 1, 7, 10, 11])
def test_rows_until_a_step_include_their_waters(keep):
    cut = rows(1, 10).until(keep * SPACING)
    assert len(cut) == min(keep, 10)
    if keep:
        assert_complete(cut, min(keep, 10))
    assert len(cut["theta_rad"]) == cut["water_in_pore"].sum()


@pytest.mark.parametrize("ends", [[(1, 3), (5, 6)], [(1, 3), (3, 5)], [(1, 3), (2, 5)]])
def test_a_gap_or_a_doubled_row_is_refused_and_nothing_is_touched(tmp_path, ends):
    files = RecordFiles(tmp_path)
    for first, last in ends:
        files.append(rows(first, last))
    before = sorted(p.name for p in tmp_path.rglob("*"))
    with pytest.raises(RecordError, match="gap or a doubled row"):
        files.consolidate({})
    assert sorted(p.name for p in tmp_path.rglob("*")) == before


def test_joining_a_single_piece_returns_it():
    assert_complete(join([rows(1, 5)]), 5)


@pytest.mark.parametrize("damage", ["torn", "empty", "foreign", "missing"])
def test_an_unreadable_record_is_a_record_error(tmp_path, damage):
    path = tmp_path / "r.h5"
    write_record(path, rows(1, 2000), {})
    content = path.read_bytes()
    content = {"torn": content[: len(content) // 2], "empty": b"", "foreign": b"x" * 999}.get(
        damage
    )
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(RecordError, match=r"r\.h5"):
        read_record(path)


@pytest.mark.parametrize("damage", ["changed", "unsealed"])
@pytest.mark.parametrize("kind", ["record", "arrays"])
def test_libhdf5_is_never_given_a_file_whose_checksum_does_not_hold(
    tmp_path, monkeypatch, kind, damage
):
    """A few changed bytes can make it loop for ever."""
    path = tmp_path / "r.h5"
    if kind == "record":
        write_record(path, rows(1, 20), {})
    else:
        write_arrays(path, {"charge": np.arange(20.0)}, {})
    content = path.read_bytes()
    body = content.rpartition(b"\njanuspore sha256 ")[0]
    path.write_bytes(body if damage == "unsealed" else b"\x00" + content[1:])

    def looked_at(*arguments):
        pytest.fail("libhdf5 was given the file")

    monkeypatch.setattr(h5py, "File", looked_at)
    with pytest.raises(InputError, match="checksum"):
        read_record(path) if kind == "record" else read_arrays(path)


def test_libhdf5_reads_the_bytes_whose_checksum_was_verified(tmp_path, monkeypatch):
    """Not the file, which another process may change in the meantime."""
    path = tmp_path / "r.h5"
    write_record(path, rows(1, 20), {})

    def damaged_after(content):
        path.write_bytes(b"")
        return seal_holds(content)

    monkeypatch.setattr("januspore.hdf5.seal_holds", damaged_after)
    assert read_record(path)[0]["step"].tolist() == rows(1, 20)["step"].tolist()


def test_consolidating_twice_or_with_nothing_new_changes_nothing(tmp_path):
    files = RecordFiles(tmp_path)
    files.append(rows(1, 4))
    files.consolidate({"a": 1})
    content = files.path.read_bytes()
    files.consolidate({"a": 1})
    assert files.path.read_bytes() == content
    assert [p.name for p in tmp_path.iterdir()] == ["record.h5"]


# --- killed between any two file operations ----------------------------------------------------


def killed_at_every_moment(tmp_path, prepare, act):
    """Yield folders after `act` was killed at its first, second, ... operation, and not at all."""
    for moment in range(200):
        folder = tmp_path / str(moment)
        folder.mkdir()
        prepare(RecordFiles(folder))
        with pytest.MonkeyPatch.context() as patch:
            blade = Guillotine(patch, moment)
            with suppress(Killed):
                act(RecordFiles(folder))
        yield folder
        if not blade.fell:
            assert moment > 0, "the operation changed no file: it was not tested"
            return
    raise AssertionError("never came to an end")


def three_parts(files):
    for first, last in ((1, 3), (4, 6), (7, 8)):
        files.append(rows(first, last))


def a_record_and_two_parts(files):
    files.append(rows(1, 3))
    files.consolidate({"was": "before"})
    files.append(rows(4, 6))
    files.append(rows(7, 8))


starts = pytest.mark.parametrize("prepare", [three_parts, a_record_and_two_parts])


@starts
def test_a_kill_while_appending_leaves_all_of_the_part_or_none(tmp_path, prepare):
    for folder in killed_at_every_moment(tmp_path, prepare, lambda f: f.append(rows(9, 12))):
        files = RecordFiles(folder)
        last = files.reach(0, SPACING) // SPACING
        assert last in (8, 12)
        files.consolidate({})
        assert_complete(read_record(files.path)[0], last)
        assert not (folder / "parts").exists()


@starts
def test_a_kill_while_consolidating_loses_and_doubles_nothing(tmp_path, prepare):
    def consolidate(files):
        files.consolidate({"now": 2})

    for folder in killed_at_every_moment(tmp_path, prepare, consolidate):
        files = RecordFiles(folder)
        assert files.reach(0, SPACING) == 8 * SPACING
        files.rewind(8 * SPACING)  # as at the start of a restart
        files.consolidate({"now": 2})
        found, attributes = read_record(files.path)
        assert_complete(found, 8)
        assert attributes == {"now": 2}
        assert not (folder / "parts").exists()


@starts
def test_a_run_after_a_killed_consolidation_loses_nothing(tmp_path, prepare):
    for folder in killed_at_every_moment(tmp_path, prepare, lambda f: f.consolidate({})):
        files = RecordFiles(folder)
        files.append(rows(9, 12))
        files.consolidate({})
        assert_complete(read_record(files.path)[0], 12)


@starts
@pytest.mark.parametrize("keep", [0, 3, 6])
def test_rewinding_again_after_a_kill_completes_it(tmp_path, prepare, keep):
    def rewind(files):
        files.rewind(keep * SPACING)

    for folder in killed_at_every_moment(tmp_path, prepare, rewind):
        files = RecordFiles(folder)
        # The remaining rows have no gap, so a run can still continue from another checkpoint.
        present = files.reach(0, SPACING) // SPACING
        assert present >= keep
        if present:
            copy = folder.with_suffix(".copy")
            shutil.copytree(folder, copy)
            RecordFiles(copy).consolidate({})
            assert_complete(read_record(copy / "record.h5")[0], present)
        files.rewind(keep * SPACING)
        files.append(rows(keep + 1, 12))
        files.consolidate({})
        assert_complete(read_record(files.path)[0], 12)


def test_temporary_files_of_a_killed_writer_do_not_stop_a_run(tmp_path):
    files = RecordFiles(tmp_path)
    files.append(rows(1, 3))
    (tmp_path / "parts" / ".000000000000300.h5.99.tmp").write_bytes(b"torn")
    files.consolidate({})
    assert_complete(read_record(files.path)[0], 3)
    assert not (tmp_path / "parts").exists()


def test_a_disk_that_is_full_is_an_error_and_not_a_crash(tmp_path):
    """If libhdf5 cannot write a file completely, the process crashes later, when it is closed."""
    code = (
        "import resource, signal, sys; import numpy as np; from pathlib import Path\n"
        "from januspore.hdf5 import write_hdf5\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "arrays = {f'a{i}': np.random.default_rng(i).random(900) for i in range(9)}\n"
        "try:\n"
        "    write_hdf5(Path(sys.argv[1]), arrays, {})\n"
        "except OSError as error:\n"
        "    print('told:', error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "file.h5")], capture_output=True, text=True
    )
    assert done.stdout.startswith("told:")
    assert (done.returncode, done.stderr, list(tmp_path.iterdir())) == (0, "", [])
