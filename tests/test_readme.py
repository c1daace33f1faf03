"""The README's commands are run, in order, as they stand."""

import re
import shlex
import sys
from pathlib import Path

import pytest
from test_workflow import ROOT, copy_project, run

README = (ROOT / "README.md").read_text()
COMMANDS = [
    line
    for block in re.findall(r"```console\n(.*?)```", README, re.S)
    for line in block.splitlines()
]


def test_readme_has_the_commands_that_users_type():
    text = "\n".join(COMMANDS)
    for word in ("make run", "init.py", "project.py run", "project.py status", "signac find"):
        assert word in text


def test_every_command_of_the_readme_works(tmp_path):
    if not (Path(sys.prefix) / ".installed").exists():
        pytest.skip("make run would install an environment: run the tests by make test")
    space = copy_project(tmp_path)
    for line in COMMANDS:
        command = shlex.split(line)
        if command[0] == "make":
            command.append(f"VENV={sys.prefix}")
        run(space, *command)
    assert len(list((space / "results" / "ie_curve").iterdir())) == 2


def test_python_of_the_readme_works(tmp_path, monkeypatch):
    space = copy_project(tmp_path)
    run(space, "python", "init.py")
    monkeypatch.chdir(space)
    (block,) = re.findall(r"```python\n(.*?)```", README, re.S)
    scope: dict[str, object] = {}
    exec(block, scope)
    assert len(scope["jobs"]) == 2


def test_readme_names_only_files_that_exist():
    for target in re.findall(r"\]\(([^)h][^)]*)\)", README):
        assert (ROOT / target).exists(), target
