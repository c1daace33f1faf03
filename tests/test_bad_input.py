"""Invalid arguments, studies and files: refused in one line, and nothing is lost or written."""

import io
import json
import shutil
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pytest
from helpers import raw_point
from hypothesis import given, settings
from hypothesis import strategies as st
from test_record import rows
from test_workflow import copy_project, run

from januspore.__main__ import main
from januspore.analysis.store import read_arrays, write_arrays
from januspore.errors import InputError
from januspore.products import PRODUCTS
from januspore.run.initialise import init_command
from januspore.schema import state_point
from januspore.simulate.record import RecordError, RecordFiles, read_record, write_record
from januspore.space import conditions
from januspore.space.dataspace import dump, engine_of, open_project, point_of, snapshots_of

ROOT = Path(__file__).resolve().parent.parent
STUDY = (ROOT / "tests" / "studies" / "smallest.toml").read_text()

#: A change to a file: the position (as a fraction of its length), and the kind of change.
damage = st.tuples(
    st.floats(0, 1, exclude_max=True),
    st.sampled_from(["flip", "cut", "drop", "double", "insert"]),
    st.integers(0, 255),
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


def damaged(content: bytes, changes) -> bytes:
    for where, how, byte in changes:
        at = int(where * len(content))
        before, after = content[:at], content[at:]
        if how == "flip":
            content = before + bytes([content[at] ^ (byte or 1)]) + after[1:] if after else before
        elif how == "cut":
            content = before
        elif how == "drop":
            content = before + after[byte % 40 :]
        elif how == "double":
            content = before + after[: byte % 40] + after
        else:
            content = before + bytes([byte]) + after
    return content


def refused(act) -> bool:
    """Return whether a call is refused; the message must be one line and not empty."""
    try:
        act()
    except InputError as error:
        told = str(error)
        assert len(told) > 10 and len(told.splitlines()) == 1, told
        return True
    return False


def tree(folder):
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and not p.is_symlink()}


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    """A data space with two jobs that have files, and one study."""
    folder = tmp_path_factory.mktemp("space")
    (folder / "studies").mkdir()
    (folder / "studies" / "quick.toml").write_text(STUDY)
    with redirect_stdout(io.StringIO()):
        init_command([], folder)
    return folder


# --- input of init.py --------------------------------------------------------------------------


def tried(space, *arguments):
    """Return whether `init.py` refuses these arguments; then it must write nothing."""
    before = tree(space)
    command = lambda *more: init_command([*arguments, *more], space)  # noqa: E731
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        try:
            answer = refused(lambda: command("--dry-run"))
            assert answer is False or refused(command)
        except SystemExit as end:  # of argparse
            answer = end.code == 2
    assert tree(space) == before
    return answer


@given(st.lists(damage, min_size=1, max_size=3))
@settings(max_examples=60)
def test_a_damaged_study_is_refused_in_one_line_or_accepted(space, changes):
    path = space.parent / "damaged.toml"
    path.write_bytes(damaged(STUDY.encode(), changes))
    tried(space, "--study", str(path))


@given(st.sampled_from(["cell", "dynamics", "seeds", "charge_sets", "protocols"]), values)
@settings(max_examples=40)
def test_any_value_of_a_study_s_key_is_refused_or_accepted(tmp_path_factory, key, value):
    from januspore.space.study import _study

    table = {
        "charge_sets": [{"Mo": 1.06, "S": -0.61, "Se": -0.45}],
        "protocols": [{"name": "sine"}],
    }
    refused(lambda: _study(Path("any.toml"), table | {key: value}).state_points())


options = st.sampled_from(["--study", "--charges", "--protocol", "--seeds", "--nonsense"])
words = st.text(max_size=12) | st.from_regex(r"[-=:,.0-9MoSe/]{1,16}", fullmatch=True)


@given(st.lists(st.tuples(options, words), min_size=1, max_size=3))
@settings(max_examples=60)
def test_any_command_line_is_refused_with_status_2_or_accepted(space, pairs):
    tried(space, *(f"{option}={word}" for option, word in pairs))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--study", "../quick"], "no file"),
        (["--study", "../../x"], "no file"),
        (["--study", "/etc/passwd"], "no file"),
        (["--study", "studies/quick"], "no file"),
        (["--seeds", "0:99999999999"], "0:99999999999"),
        (["--seeds", "0:70000"], "0:70000"),
        (["--charges", "../../x=1"], "--charges"),
        (["--charges", "Mo=0,S=0,../../Se=0"], "../../Se"),
    ],
)
def test_names_cannot_point_outside_the_folders(space, arguments, told):
    outside = set(space.parent.iterdir())
    with pytest.raises(InputError) as caught:
        init_command(arguments, space)
    assert told in str(caught.value)
    assert set(space.parent.iterdir()) == outside


def test_a_study_that_is_a_folder_or_nested_too_deep_is_refused(space):
    (space.parent / "folder.toml").mkdir()
    assert tried(space, "--study", str(space.parent / "folder.toml"))
    deep = space.parent / "deep.toml"
    deep.write_text("seeds = " + "[" * 5000 + "]" * 5000)
    assert tried(space, "--study", str(deep))


# --- foreign and damaged jobs ------------------------------------------------------------------


def ask_everything(job):
    """Evaluate all that `project.py` evaluates of a job before it runs anything."""
    for condition in ("relaxes", "is_driven", "is_recorded", "is_equilibrated", "is_ready"):
        getattr(conditions, condition)(job)
    conditions.is_analysed(job)
    for product in PRODUCTS:
        if product.concerns(job):
            product.key(job)
            product.is_made(job)
    engine_of(job)


def planted(folder, protocol):
    """A recorded job in a data space of its own, for which conditions read all files."""
    project = open_project(folder)
    job = project.open_job(dump(state_point(raw_point(protocol)))).init()
    Path(job.fn("trajectory")).mkdir()
    Path(job.fn("trajectory/record.h5")).touch()
    return job


@given(st.sampled_from(["sine", "equilibrate", "barrier"]), st.lists(damage, min_size=1))
@settings(max_examples=60)
def test_a_damaged_state_point_file_is_reported_in_one_line(tmp_path_factory, protocol, changes):
    folder = tmp_path_factory.mktemp("damaged")
    job = planted(folder, protocol)
    path = Path(job.fn("signac_statepoint.json"))
    path.write_bytes(damaged(path.read_bytes(), changes))
    before = tree(folder)
    again = open_project(folder).open_job(id=job.id)
    refused(lambda: (ask_everything(again), point_of(again)))
    assert tree(folder) == before
    shutil.rmtree(folder)


@given(values)
@settings(max_examples=30)
def test_a_job_of_another_kind_is_named(tmp_path_factory, value):
    folder = tmp_path_factory.mktemp("foreign")
    job = open_project(folder).open_job({"protocol": value}).init()
    with pytest.raises(InputError, match=job.id):
        ask_everything(job)
        point_of(job)
    shutil.rmtree(folder)


def test_the_command_line_reports_a_foreign_job_in_one_line_and_skips_it(tmp_path):
    space = copy_project(tmp_path)
    stranger = open_project(space).open_job({"protocol": {"name": "sine"}, "x": "\n"}).init()
    before = tree(space / "workspace")
    for command in ("status", "run"):
        said = run(space, "python", "project.py", command, status=2).stderr
        (told,) = (line for line in said.splitlines() if line.startswith("error: "))
        assert stranger.id in told and "move it out of workspace/" in told
        assert "Traceback" not in said
    assert tree(space / "workspace") == before


@given(st.sampled_from(["snapshots", "engine"]), values, st.lists(damage, max_size=2))
@settings(max_examples=60)
def test_a_damaged_document_is_reported_in_one_line(tmp_path_factory, key, value, changes):
    folder = tmp_path_factory.mktemp("document")
    job = planted(folder, "equilibrate")
    path = Path(job.fn("signac_job_document.json"))
    path.write_bytes(damaged(json.dumps({"snapshots": 2, key: value}).encode(), changes))
    before = tree(folder)
    again = open_project(folder).open_job(id=job.id)
    if not refused(lambda: ask_everything(again)):
        assert snapshots_of(again) >= 1
    assert tree(folder) == before
    shutil.rmtree(folder)


# --- filters -----------------------------------------------------------------------------------


@given(st.lists(words | st.text(max_size=6).map(lambda t: f"charge_set.Se={t}"), max_size=3))
@settings(max_examples=40)
def test_any_question_is_answered_or_refused_in_one_line(space, asked):
    told = io.StringIO()
    with redirect_stdout(io.StringIO()), redirect_stderr(told):
        try:
            status = main(["--project", str(space), "results", *asked])
        except SystemExit as end:  # of argparse
            status = end.code
            told = io.StringIO()
    assert status in (0, 2)
    assert len(told.getvalue().strip().splitlines()) == (1 if status and told.getvalue() else 0)


@pytest.mark.parametrize("value", ['{"$regex": "("}', '{"$nothing": 1}', '{"$in": 3}', "[1"])
def test_operators_that_signac_does_not_know_are_refused_in_one_line(space, value, capsys):
    status = main(["--project", str(space), "results", f"protocol.name={value}"])
    told = capsys.readouterr().err
    assert len(told.strip().splitlines()) == (1 if status else 0)
    assert status == (0 if value == "[1" else 2)


# --- files that a disk damaged -----------------------------------------------------------------


def test_every_flipped_bit_of_a_record_is_detected(tmp_path):
    path = tmp_path / "r.h5"
    write_record(path, rows(1, 40), {"a": 1})
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    # Only bits of the content are flipped. Behind it is the mark of a checksum; a file without
    # this mark is read like one of an older version, which has no checksum.
    for at in rng.integers(0, len(whole) - 100, 120):
        path.write_bytes(damaged(whole, [((at + 0.5) / len(whole), "flip", 1 << rng.integers(8))]))
        with pytest.raises(RecordError, match=r"r\.h5"):
            read_record(path)
    for end in rng.integers(0, len(whole) - 100, 30):
        path.write_bytes(whole[:end])
        with pytest.raises(RecordError, match=r"r\.h5"):
            read_record(path)


def test_a_damaged_part_stops_a_run_and_leaves_the_others(tmp_path):
    files = RecordFiles(tmp_path)
    files.append(rows(1, 4))
    files.append(rows(5, 8))
    part = sorted((tmp_path / "parts").iterdir())[0]
    content = part.read_bytes()
    part.write_bytes(damaged(content, [(0.5, "flip", 4)]))
    before = tree(tmp_path)
    with pytest.raises(RecordError, match=part.name):
        files.consolidate({})
    assert tree(tmp_path) == before
    part.write_bytes(content)
    files.consolidate({})
    assert len(read_record(files.path)[0]) == 8


@given(st.lists(damage, min_size=1, max_size=2))
@settings(max_examples=40)
def test_a_damaged_analysis_says_how_to_make_it_again(tmp_path_factory, changes):
    path = tmp_path_factory.mktemp("analysis") / "analysis.h5"
    arrays = {"theta": np.arange(200.0), "counts": np.eye(5)}
    write_arrays(path, arrays, {"code": 1})
    whole = path.read_bytes()
    body = len(whole) - 100
    path.write_bytes(damaged(whole[:body], changes) + whole[body:])
    if path.read_bytes() == whole:
        return
    with pytest.raises(InputError, match=r"remove summary\.json"):
        read_arrays(path)
