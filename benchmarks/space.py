"""A fresh data space with this project's scripts and studies, for the benchmarks."""

import os
import sys
from pathlib import Path

from januspore.run.new import new_space

ROOT = Path(__file__).resolve().parent.parent


def copy_project(target: Path) -> None:
    """Make a data space without jobs."""
    new_space(target)


def environment(**more: str) -> dict[str, str]:
    """An environment with this project's code and no scheduler, for which `status` would wait."""
    path = str(Path(sys.executable).parent)
    return os.environ | {"PYTHONPATH": str(ROOT / "src"), "PATH": path} | more
