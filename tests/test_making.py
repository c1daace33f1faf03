"""Jobs are created whole, and `init.py` completes what a kill or a full disk left."""

import errno
import json
import shutil
from contextlib import suppress

import pytest
from helpers import Guillotine, Killed, copy_studies

from januspore.errors import InputError
from januspore.run.initialise import init_command
from januspore.space.dataspace import open_project
from januspore.space.lock import locked

STATE_POINT = "signac_statepoint.json"


@pytest.fixture
def space(tmp_path):
    copy_studies(tmp_path)
    return tmp_path


def files(space):
    """Content of all files of the workspace, by relative path."""
    workspace = space / "workspace"
    return {
        str(p.relative_to(workspace)): p.read_bytes() for p in workspace.rglob("*") if p.is_file()
    }


def as_data(content):
    return {path: json.loads(text) for path, text in content.items()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The files that an undisturbed `init.py` makes."""
    space = tmp_path_factory.mktemp("whole")
    copy_studies(space)
    init_command([], space)
    return as_data(files(space))


def stopped_after(space, monkeypatch, moments, fails):
    """Run `init.py`, stopped after some operations on files; return whether it was stopped."""
    with monkeypatch.context() as patch:
        guillotine = Guillotine(patch, moments, fails)
        with suppress(Killed, InputError):
            init_command([], space)
    (space / ".signac" / "lock").unlink(missing_ok=True)  # as its owner would be dead
    return guillotine.fell


@pytest.mark.parametrize("fails", [Killed, OSError(errno.ENOSPC, "No space left on device")])
def test_a_kill_or_a_full_disk_at_any_moment_leaves_whole_jobs_only(
    space, monkeypatch, whole, fails, capsys
):
    init_command(["--dry-run"], space)
    moments = 0
    while stopped_after(space, monkeypatch, moments, fails):
        for folder in (space / "workspace").glob("[0-9a-f]*"):
            assert (
                json.loads((folder / STATE_POINT).read_bytes())
                == whole[f"{folder.name}/{STATE_POINT}"]
            )
        init_command([], space)
        assert as_data(files(space)) == whole
        shutil.rmtree(space / "workspace")
        (space / "signac_project_document.json").unlink(missing_ok=True)
        moments += 1
    assert moments > 30


@pytest.mark.parametrize(
    "content",
    [None, b"", b"null", b"[]", b"\xff{", b'{"seed": NaN}', b"{}", "cut", "another", "edited"],
)
@pytest.mark.parametrize("with_data", [True, False])
def test_init_repairs_a_state_point_file_and_changes_nothing_else(
    space, whole, content, with_data, capsys
):
    init_command([], space)
    jobs = sorted((space / "workspace").iterdir())
    path = jobs[3] / STATE_POINT
    if content == "cut":
        content = path.read_bytes()[:50]
    elif content == "another":
        content = (jobs[4] / STATE_POINT).read_bytes()
    elif content == "edited":  # keeps the length
        content = path.read_bytes().replace(b"1.06", b"1.07")
    if with_data:
        (jobs[3] / "trajectory").mkdir()
        (jobs[3] / "trajectory" / "record.h5").write_bytes(b"rows")
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    init_command([], space)
    assert f"job {jobs[3].name}: its {STATE_POINT} is mended" in capsys.readouterr().err
    left = files(space)
    if with_data:
        assert left.pop(f"{jobs[3].name}/trajectory/record.h5") == b"rows"
    assert as_data(left) == whole
    init_command([], space)
    assert "mended" not in capsys.readouterr().err


def test_two_concurrent_init_run_one_after_the_other(space):
    open_project(space)
    with locked(space / ".signac"), pytest.raises(InputError, match="being made here already"):
        init_command([], space)
    assert not files(space)
    init_command([], space)


def test_a_file_in_place_of_a_job_s_folder_is_named(space, whole):
    open_project(space)
    job_id = next(iter(whole)).partition("/")[0]
    (space / "workspace" / job_id).write_text("no folder")
    with pytest.raises(InputError, match=job_id):
        init_command([], space)
    assert not (space / "workspace" / ".making").exists()
