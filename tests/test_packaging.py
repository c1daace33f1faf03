"""The package as pip installs it: source archive, wheel, and a new data space made with it."""

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest
from test_workflow import ROOT

from januspore import __version__
from januspore.__main__ import main
from januspore.errors import InputError
from januspore.run.new import FILES, new_space


def files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def called(*command, cwd, **environment):
    done = subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def copy_of_the_tracked(target):
    """A copy of the tracked files, in which a build can write."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "-co", "--exclude-standard"],
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    if listed.returncode:
        pytest.skip("not a checkout: git does not list its files")
    for name in filter(None, listed.stdout.split("\0")):
        if not name.startswith(("docs/gallery", "benchmarks/results")) and (ROOT / name).is_file():
            place = target / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes((ROOT / name).read_bytes())


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """The source archive of this tree, and the wheel that is built from the archive."""
    if int(version("setuptools").split(".")[0]) < 77:
        pytest.skip("setuptools 77 or newer builds the package: pip install -e '.[test]'")
    folder = tmp_path_factory.mktemp("built")
    copy_of_the_tracked(folder / "tree")
    code = "from setuptools.build_meta import build_{0} as build; print(build('{1}'))"
    called("-c", code.format("sdist", folder), cwd=folder / "tree")
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    called("-c", code.format("wheel", folder), cwd=folder / sdist.name.removesuffix(".tar.gz"))
    (wheel,) = folder.glob("*.whl")
    return sdist, wheel


def test_the_wheel_makes_a_data_space_that_init_py_runs_in(archives, tmp_path):
    _, wheel = archives
    installed = tmp_path / "installed"
    options = ["--no-deps", "--no-index", "--no-compile", "--quiet", "--target", str(installed)]
    called("-m", "pip", "install", *options, str(wheel), cwd=tmp_path)
    alone = {"PYTHONPATH": str(installed)}
    where = called("-c", "import januspore; print(januspore.__file__)", cwd=tmp_path, **alone)
    assert Path(where.strip()).is_relative_to(installed)
    assert called("-m", "januspore", "--version", cwd=tmp_path, **alone) == (
        f"januspore {__version__}\n"
    )
    called("-m", "januspore", "new", "mine", cwd=tmp_path, **alone)
    space = tmp_path / "mine"
    assert (space / ".signac" / "config").resolve() == (space / "signac.rc").resolve()
    for name in FILES:
        here, there = ROOT / name, space / name
        if here.is_dir():
            assert files(there) == files(here)
        else:
            assert there.read_bytes() == here.read_bytes()
    told = called("init.py", "--study", "quick", "--dry-run", cwd=space, **alone)
    assert "dry run" in told and re.search(r"\d+ new, 0 existing jobs", told)
    assert "overview" in called("project.py", "status", cwd=space, **alone).lower()
    make = subprocess.run(
        ["make", "--dry-run", "run"],
        cwd=space,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    assert "pip install" not in make.stdout and "init.py --study quick" in make.stdout


def test_the_archives_carry_the_license_and_what_is_said_of_the_package(archives):
    sdist, wheel = archives
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (about,) = (name for name in names if name.endswith("dist-info/METADATA"))
        said = archive.read(about).decode()
    assert any(name.endswith("licenses/LICENSE") for name in names)
    pages = {name.partition("dashboard/")[2] for name in names}
    kept = {"static/frame.js", "static/vendor/3Dmol-min.js", "templates/cards/state_point.html"}
    assert pages >= kept | {"static/vendor/3Dmol.LICENSE.txt", "static/vendor/uPlot.LICENSE.txt"}
    assert f"Version: {__version__}\n" in said and "License-Expression: BSD-3-Clause" in said
    assert "Author: januspore developers" in said
    assert not [name for name in names if name.startswith(("tests", "benchmarks"))]
    with tarfile.open(sdist) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    assert held >= {"LICENSE", "README.md", "setup.py", "tests/test_packaging.py", *FILES}


def test_setup_py_packs_what_new_copies():
    (packed,) = re.findall(r"^SPACE = \((.*)\)$", (ROOT / "setup.py").read_text(), re.M)
    assert tuple(re.findall(r'"([^"]*)"', packed)) == FILES
    assert all((ROOT / name).exists() for name in FILES)


def test_a_folder_that_is_not_empty_is_not_changed(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("mine")
    for folder in (tmp_path, tmp_path / "mine.txt"):
        assert main(["new", str(folder)]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
    (tmp_path / "empty").mkdir()
    assert main(["new", str(tmp_path / "empty")]) == 0


def test_a_full_disk_leaves_no_partial_data_space(tmp_path, monkeypatch):
    def full(*_about):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copytree", full)
    with pytest.raises(OSError, match="No space"):
        new_space(tmp_path / "mine")
    assert list((tmp_path / "mine").iterdir()) == []
    monkeypatch.undo()
    new_space(tmp_path / "mine")
    with pytest.raises(InputError, match="not an empty folder"):
        new_space(tmp_path / "mine")


def test_the_version_is_in_one_place():
    assert "version =" not in re.sub(
        r"^(version = \{ attr|target-version|python_version).*$",
        "",
        (ROOT / "pyproject.toml").read_text(),
        flags=re.M,
    )
