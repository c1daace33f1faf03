"""A fresh data space with this project's scripts and studies, for the benchmarks."""

import os
import shutil
import sys
from pathlib import Path

from januspore.dataspace import open_project

ROOT = Path(__file__).resolve().parent.parent


def copy_project(target: Path) -> None:
    """Make a data space without jobs."""
    target.mkdir(parents=True)
    for name in ("project.py", "init.py"):
        shutil.copy(ROOT / name, target / name)
    for name in ("studies", "templates"):
        if (ROOT / name).exists():
            shutil.copytree(ROOT / name, target / name)
    open_project(target)


def environment(**more: str) -> dict[str, str]:
    """This project's code, and no scheduler in the path: status would ask it and wait."""
    path = str(Path(sys.executable).parent)
    return os.environ | {"PYTHONPATH": str(ROOT / "src"), "PATH": path} | more
