"""The commands of the README are run, in their order and unchanged."""

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


PAGES = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_name_only_files_that_exist(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target
