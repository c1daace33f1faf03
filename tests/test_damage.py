"""Any damage is reported in one line with file and remedy, status 2, and the rest works."""

import importlib.util
import json
import shutil
import sys

import pytest
from damage import JOBS, OTHERS, SPACE, sines, small_space
from helpers import ROOT

from januspore import products
from januspore.__main__ import main
from januspore.run import flow_project, initialise
from januspore.run.command import carry_out
from januspore.run.obstacles import obstacles
from januspore.simulate.record import read_record, write_record
from januspore.space.conditions import start_of
from januspore.space.dataspace import open_project

COMMANDS = ("init", "status", "run", "summary", "results", "report", "verify")
#: By default each kind of damage is tested with some of the commands; `-m slow` tests all.
EVERY = [(damage, command) for damage in [*JOBS, *SPACE, *OTHERS] for command in COMMANDS]
SOME = [pair for k, pair in enumerate(EVERY) if k % 3 == 0]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    space = tmp_path_factory.mktemp("whole") / "space"
    small_space(space)
    return space


@pytest.fixture
def space(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "space", symlinks=True)
    return tmp_path / "space"


@pytest.fixture(scope="module")
def project_class():
    """The class of project.py, with one product."""
    with pytest.MonkeyPatch.context() as patch:
        only = tuple(p for p in products.PRODUCTS if p.name == "ie_curve")
        patch.setattr(products, "PRODUCTS", only)
        spec = importlib.util.spec_from_file_location("project_with_one", ROOT / "project.py")
        module = importlib.util.module_from_spec(spec)
        patch.setitem(sys.modules, spec.name, module)  # flow reads the source of the class's module
        spec.loader.exec_module(module)
        yield module.Project


def asked(space, project_class, monkeypatch, command):
    """Status of a command, as its script would return it."""
    monkeypatch.chdir(space)
    if command == "init":
        return carry_out(lambda: initialise.init_command([], space))
    if command in ("status", "run"):
        # flow limits how often a scheduler may be queried, and the tests run many commands at once.
        monkeypatch.setattr("flow.scheduling.base.Scheduler._dos_timeout", 0)
        monkeypatch.setattr(sys, "argv", ["project.py", command])
        return carry_out(lambda: flow_project._run(project_class, space))
    return main(["--project", str(space), command])


def faults_told(captured):
    """Lines that report faults, on standard error and, for verify, on standard output."""
    lines = captured.err.splitlines() + captured.out.splitlines()
    return [x for x in lines if x.startswith(("error: ", "fault: "))]


def check(damage, command, space, project_class, monkeypatch, capsys):
    damage.do(space)
    capsys.readouterr()
    status = asked(space, project_class, monkeypatch, command)
    captured = capsys.readouterr()
    told = faults_told(captured)
    assert "Traceback" not in captured.err and "signac migrate" not in captured.err
    if damage.names and status == 2:
        assert any(damage.names in line and ";" in line for line in told), captured
    if damage.stops:
        assert status == 2 and len(told) == 1
    elif damage in JOBS and command not in ("init", "verify"):
        assert status == 2 and len(told) == 1, captured
        if command == "results":
            assert captured.out.count("sine") >= 1  # the other seed
    elif not damage.names and command != "verify":
        assert status == 0 and not told, captured


@pytest.mark.parametrize(("damage", "command"), SOME, ids=lambda v: getattr(v, "name", v))
def test_damage_is_reported_in_one_line(damage, command, space, project_class, monkeypatch, capsys):
    check(damage, command, space, project_class, monkeypatch, capsys)


@pytest.mark.slow
@pytest.mark.parametrize(("damage", "command"), EVERY, ids=lambda v: getattr(v, "name", v))
def test_every_command_reports_every_damage_in_one_line(
    damage, command, space, project_class, monkeypatch, capsys
):
    check(damage, command, space, project_class, monkeypatch, capsys)


def test_a_whole_data_space_has_no_fault(space, project_class, monkeypatch, capsys):
    for command in COMMANDS:
        assert asked(space, project_class, monkeypatch, command) == 0, command
        assert not faults_told(capsys.readouterr())


@pytest.mark.parametrize(
    "damage",
    [d for d in JOBS if d.name.startswith(("state", "document", "snapshots", "no job"))],
    ids=lambda d: d.name,
)
def test_verify_repairs_a_job_from_its_other_files(damage, space, capsys, whole):
    damage.do(space)
    assert main(["--project", str(space), "verify"]) == 2
    assert "verify --repair does what loses nothing" in capsys.readouterr().out
    assert main(["--project", str(space), "verify", "--repair"]) == 0, capsys.readouterr()
    assert main(["--project", str(space), "verify"]) == 0, capsys.readouterr()
    for path in (whole / "workspace").glob("*/signac_*.json"):
        again = space / path.relative_to(whole)
        assert json.loads(again.read_text()) == json.loads(path.read_text())


@pytest.mark.parametrize("name", ["record.h5", "checkpoint.gsd", "frames", "parts"])
def test_verify_names_truncated_copied_and_lost_files_of_a_trajectory(space, capsys, name):
    one, other = (job / "trajectory" for job in sines(space))
    if name == "frames":
        frames = sorted((one / "frames").iterdir())
        frames[0].unlink()
        shutil.copy(sorted((other / "frames").iterdir())[-1], frames[-1])
        wanted = ["a frame is lost", "belongs to job"]
    elif name == "parts":  # a record that is marked as complete, with rows that end too early
        rows, about = read_record(one / "record.h5")
        write_record(one / "record.h5", rows.until(int(rows["step"][-2])), about)
        wanted = ["rows are lost", "beyond the rows"]
    else:
        shutil.copy(other / name, one / name)
        wanted = ["belongs to job"]
    assert main(["--project", str(space), "verify"]) == 2
    told = [x for x in capsys.readouterr().out.splitlines() if x.startswith("fault: ")]
    for text in wanted:
        assert any(text in line and one.parent.name in line for line in told), told


def test_verify_repairs_a_configuration_and_a_document_that_are_damaged(space, capsys):
    (space / "signac.rc").write_text("schema_version = 99\n")
    (space / "signac_project_document.json").write_text("[]")
    assert main(["--project", str(space), "verify"]) == 2
    assert main(["--project", str(space), "verify", "--repair"]) == 0
    assert (space / "signac.rc.damaged").read_text() == "schema_version = 99\n"
    assert main(["--project", str(space), "verify"]) == 0


@pytest.mark.parametrize("content", [b'{"stu', b"[]", b"null", b""])
def test_a_project_document_that_is_damaged_stops_no_run(
    space, project_class, monkeypatch, capsys, content
):
    path = space / "signac_project_document.json"
    path.write_bytes(content)
    (sines(space)[0] / "summary.json").unlink()  # so that an analysis has to be done
    assert asked(space, project_class, monkeypatch, "init") == 2  # the study is not known
    assert "python init.py --study NAME" in capsys.readouterr().err
    assert asked(space, project_class, monkeypatch, "run") == 2
    (told,) = faults_told(capsys.readouterr())
    assert path.name in told and f"{path.name}.damaged" in told and "--study NAME" in told
    assert (sines(space)[0] / "summary.json").exists()
    assert path.with_name(f"{path.name}.damaged").read_bytes() == content
    assert asked(space, project_class, monkeypatch, "run") == 0
    assert asked(space, project_class, monkeypatch, "init") == 2  # and is not guessed
    (told,) = faults_told(capsys.readouterr())
    assert "--study" in told
    initialise.init_command(["--study", "quick"], space)
    assert asked(space, project_class, monkeypatch, "init") == 0


def test_run_reports_a_missing_equilibration_and_a_missing_snapshot(
    space, project_class, monkeypatch, capsys
):
    """Without these messages `run` would do nothing and return 0."""
    job = sines(space)[0]
    parent, _ = start_of(open_project(space).open_job(id=job.name))
    shutil.rmtree(job / "trajectory")
    aside = (space / "workspace" / parent).rename(space / "aside")
    assert asked(space, project_class, monkeypatch, "run") == 2
    (told,) = faults_told(capsys.readouterr())
    assert parent in told and "python init.py" in told
    aside.rename(space / "workspace" / parent)
    later = initialise.init_command(["--seeds", "2:3"], space)  # needs a second snapshot
    assert later is None
    (space / "workspace" / parent / "signac_job_document.json").unlink()
    (job / "trajectory").mkdir()
    found = list(obstacles(open_project(space)))
    assert len(found) == 1 and "does not keep snapshot 1" in found[0] and parent in found[0]
    initialise.init_command(["--seeds", "2:3"], space)
    assert list(obstacles(open_project(space))) == []
