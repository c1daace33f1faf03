"""Errors of users, disks and shells: each gives one line and never a traceback."""

import ast
import ctypes
import os
import re
import resource
import signal
import subprocess
import sys
import time

import pytest
from helpers import charge_sets, raw_point
from test_workflow import ROOT, copy_project

from januspore.engines import Resources
from januspore.engines.openmm_platform import choose_platform
from januspore.errors import InputError, SettingError
from januspore.products.results import parse_filter
from januspore.run.initialise import init_command
from januspore.schema import state_point
from januspore.settings import VARIABLES, warn_of_misspelt
from januspore.space.study import load_study

SETS = charge_sets("janus")
SINE = "[[protocols]]\nname = 'sine'\n"


def typed(folder, *command, **options):
    """Run a command in a folder as a user does; check that it prints no traceback."""
    settings = {"PYTHONPATH": str(ROOT / "src"), "JANUSPORE_QUIET": "1"}
    settings["SIGNAC_FLOW_ENVIRONMENT"] = "StandardEnvironment"
    environment = {**os.environ, **settings, **options.pop("environment", {})}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        **options,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    folder = copy_project(tmp_path_factory.mktemp("space"))
    init_command(["--protocol", "sine"], folder)
    return folder


# --- a disk that cannot be written -------------------------------------------------------------


def obey_permissions():
    """In the child process: take from root the right to write read-only files."""
    ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)  # PR_CAPBSET_DROP, CAP_DAC_OVERRIDE


@pytest.fixture
def read_only(tmp_path):
    (tmp_path / "space").mkdir()
    folder = copy_project(tmp_path / "space")
    init_command(["--protocol", "sine"], folder)
    places = [folder, *folder.rglob("*")]
    modes = {place: place.stat().st_mode for place in places if not place.is_symlink()}
    for place, mode in modes.items():
        place.chmod(mode & 0o555)
    yield folder
    for place, mode in modes.items():
        place.chmod(mode)


def test_a_read_only_data_space_is_reported(read_only, tmp_path):
    def ask(*command):
        return typed(read_only, *command, preexec_fn=obey_permissions)

    def files():
        return sorted(read_only.rglob("*"))

    before = files()
    done = ask("project.py", "status")
    assert done.returncode == 0 and "equilibrate" in done.stdout
    assert ask("init.py", "--dry-run").returncode == 0
    assert ask("-m", "januspore", "summary").returncode == 0
    gallery = tmp_path / "gallery"
    assert ask("-m", "januspore", "report", "--output", str(gallery)).returncode == 0
    assert (gallery / "report.html").exists()
    for writes in (["init.py", "--seeds", "7"], ["-m", "januspore", "report"]):
        done = ask(*writes)
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr
        assert "Permission denied" in done.stderr
    assert ask("project.py", "run").returncode == 1
    assert files() == before


SLURM = {"sbatch": 'echo "slurm 23"', "squeue": "true", "sinfo": "true"}


@pytest.mark.parametrize("bundle", ["1", "2"])
def test_submit_pretend_writes_nothing_on_a_read_only_disk(read_only, tmp_path, bundle):
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, does in SLURM.items():
        (programs / name).write_text(f"#!/bin/sh\n{does}\n")
        (programs / name).chmod(0o755)
    settings = {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "SIGNAC_FLOW_ENVIRONMENT": "JanusporeSlurm",
    }
    done = typed(
        read_only,
        *("project.py", "submit", "--pretend", "--bundle", bundle),
        environment=settings,
        preexec_fn=obey_permissions,
    )
    assert done.returncode == 0 and "run -o equilibrate" in done.stdout, done.stderr


def few_bytes():
    """In the child process: limit files to 3 kB, as if the disk were full."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, 3_000))


def test_a_full_disk_in_report_is_one_line_and_the_old_report_stands(space):
    report = space / "results" / "report.html"
    report.parent.mkdir(exist_ok=True)
    report.write_text("the old one")
    done = typed(
        space,
        *("-m", "januspore", "report"),
        preexec_fn=few_bytes,
        environment={"PYTHONDONTWRITEBYTECODE": "1"},
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode == 2 and len(lines) == 1 and "File too large" in lines[0], done.stderr
    assert report.read_text() == "the old one"
    assert not list(report.parent.glob(".*.tmp"))


def test_a_report_into_a_file_is_refused(space, tmp_path):
    (tmp_path / "file").write_text("mine")
    done = typed(space, "-m", "januspore", "report", "--output", str(tmp_path / "file"))
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "--output = " in done.stderr and "must be a folder" in done.stderr
    assert (tmp_path / "file").read_text() == "mine"
    done = typed(space, "-m", "januspore", "report", "--output", str(tmp_path / "file" / "in"))
    assert done.returncode == 2 and done.stderr.count("\n") == 1


# --- shells and signals ------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["init.py", "project.py status", "-m januspore results"])
def test_a_reader_that_closes_the_pipe_early_causes_no_error(space, command):
    read, write = os.pipe()
    os.close(read)
    settings = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, *command.split()],
        cwd=space,
        env=settings,
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    os.close(write)
    assert done.returncode == 1
    assert not re.search("Traceback|BrokenPipe|Exception|ERROR", done.stderr), done.stderr


def test_a_command_imports_almost_nothing_before_it_handles_interrupts():
    code = "import sys; there = set(sys.modules); import januspore.quiet; "
    code += "print(*set(sys.modules) - there)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= {"januspore", "januspore.quiet", "_signal"}
    for script in ("init.py", "project.py", "src/januspore/__main__.py"):
        first = ast.parse((ROOT / script).read_text(encoding="utf-8")).body[1]
        assert isinstance(first, ast.ImportFrom) and first.module in ("quiet", "januspore.quiet")


@pytest.mark.parametrize("command", ["init.py", "project.py status", "-m januspore results"])
def test_an_interrupt_while_modules_are_imported_gives_no_traceback(space, tmp_path, command):
    """A module that is imported late waits, so that the signal arrives during the imports."""
    late = {"init.py": "pydantic", "project.py status": "flow", "-m januspore results": "pandas"}
    (tmp_path / f"{late[command]}.py").write_text(
        "import pathlib, time\npathlib.Path(__file__ + '.begun').touch()\ntime.sleep(60)\n"
    )
    settings = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT / 'src'}"}
    process = subprocess.Popen(
        [sys.executable, *command.split()], cwd=space, env=settings, stderr=subprocess.PIPE
    )
    while not list(tmp_path.glob("*.begun")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=30)
    assert told == b"" and process.returncode == -signal.SIGINT


@pytest.mark.parametrize("backend", ["module://matplotlib_inline.backend_inline", "nonsense"])
def test_an_inherited_backend_of_matplotlib_has_no_effect(space, backend):
    """Both `report` and the products in `project.py run` load matplotlib."""
    settings = {"MPLBACKEND": backend}
    assert typed(space, "-m", "januspore", "report", environment=settings).returncode == 0
    (space / "draws.py").write_text(
        "import sys\nfrom januspore.run import flow_project\n"
        "flow_project._run = lambda *_: __import__('matplotlib') and 0\n"
        "sys.exit(flow_project.main(None, None))\n"
    )
    assert typed(space, "draws.py", environment=settings).returncode == 0


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        ("JANUSPORE_THREAD", "JANUSPORE_THREADS"),
        ("JANUSPORE_WALLTIME", "JANUSPORE_WALLTIME_MINUTES"),
    ],
)
def test_a_misspelt_variable_is_reported_with_the_nearest_name(monkeypatch, capsys, typo, meant):
    warn_of_misspelt()
    assert capsys.readouterr().err == ""
    monkeypatch.setenv(typo, "4")
    warn_of_misspelt()
    assert capsys.readouterr().err == f"warning: {typo}: no such setting; is it {meant}?\n"


def test_every_variable_that_is_read_is_known():
    places = [ROOT / "project.py", ROOT / "init.py", *(ROOT / "src").rglob("*.py")]
    places += [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    found = {
        name
        for path in places
        for name in re.findall(r"\bJANUSPORE_[A-Z_]*[A-Z]\b", path.read_text())
    }
    assert found == set(VARIABLES)


@pytest.mark.parametrize(
    ("platform", "precision", "allowed"),
    [
        ("CPU", "double", False),
        ("CPU", "single", False),
        ("CPU", "mixed", True),
        ("CPU", None, True),
        ("Reference", "mixed", False),
        ("Reference", "double", True),
    ],
)
def test_a_precision_that_a_platform_does_not_have_is_refused(platform, precision, allowed):
    asked = Resources("openmm", platform, precision=precision)
    if allowed:
        assert choose_platform(asked)[0] == platform
    else:
        with pytest.raises(SettingError, match=f"JANUSPORE_PRECISION = '{precision}'.*{platform}"):
            choose_platform(asked)


# --- init.py -----------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["--seeds", "--study", "--charges", "--protocol"])
def test_an_empty_option_is_refused(space, option):
    done = typed(space, "init.py", "--dry-run", option, "")
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and done.stdout == ""


def test_a_study_is_found_again_from_any_folder(tmp_path):
    (tmp_path / "space").mkdir()
    space = copy_project(tmp_path / "space")
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "own.toml").write_text((space / "studies" / "quick.toml").read_text())
    first = typed(mine, str(space / "init.py"), "--study", "own.toml", "--seeds", "0")
    assert first.returncode == 0 and "study own" in first.stdout
    for folder in (tmp_path, space, mine):
        again = typed(folder, str(space / "init.py"), "--seeds", "0")
        assert again.returncode == 0 and "study own: 0 new" in again.stdout, again.stderr


@pytest.mark.parametrize("key", ["cell", "dynamics", "recording", "force_field", "equilibration"])
@pytest.mark.parametrize("value", ["false", '""', "[]", "0"])
def test_a_section_that_is_no_table_is_refused(tmp_path, key, value):
    path = tmp_path / "own.toml"
    for text in (
        f"{key} = {value}\n{SETS}{SINE}",
        f"[{key}]\n{SETS}{SINE}{key} = {value}\n",
        f"{SETS}{SINE}{key} = {value}\n",
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=key):
            load_study(str(path)).state_points()


def test_a_number_of_thousands_of_digits_is_refused(tmp_path):
    digits = "7" * 5000
    path = tmp_path / "own.toml"
    for text in (f"{SETS}{SINE}cycles = {digits}", f"seeds = {digits}\n{SETS}{SINE}"):
        path.write_text(text)
        with pytest.raises(InputError) as caught:
            load_study(str(path)).state_points()
        assert len(str(caught.value)) < 700
    for place in (["seed"], ["protocol", "cycles"], ["protocol", "amplitude_V_per_nm"]):
        raw = raw_point("sine")
        inner = raw if len(place) == 1 else raw[place[0]]
        inner[place[-1]] = 10**5000
        with pytest.raises(InputError, match=place[-1]):
            state_point(raw)


def test_an_error_names_the_block_and_the_keys_that_are_allowed(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(f"{SETS}{SINE}{SINE}[protocols.cell]\nrepeat_y = 3\n")
    with pytest.raises(InputError) as caught:
        load_study(str(path)).state_points()
    told = str(caught.value)
    assert "[[protocols]] 2 (sine): protocol.cell.repeat_y = 3: is not a key here" in told
    assert "repeats_y, repeats_z" in told
    path.write_text(f"{SETS}{SETS.replace('Se', 'Sb')}{SINE}")
    with pytest.raises(InputError, match=r"\[\[charge_sets\]\] 2: Sb = .* keys here: Mo, S, "):
        load_study(str(path))
    path.write_text(f"{SETS}{SINE}{SINE}seeds = 'x'\n")
    with pytest.raises(InputError, match=r"\[\[protocols\]\] 2 \(sine\): seeds = 'x'"):
        load_study(str(path))
    raw = raw_point("sine")
    raw["protocol"]["name"] = "cosine"
    with pytest.raises(InputError, match="name 'cosine' is none of 'equilibrate', 'sine'"):
        state_point(raw)


def test_a_key_given_twice_is_refused():
    assert parse_filter(["seed=0", "protocol.name=sine"]) == {"seed": 0, "protocol.name": "sine"}
    with pytest.raises(InputError, match="'seed=1': seed is given twice"):
        parse_filter(["seed=0", "seed=1"])
