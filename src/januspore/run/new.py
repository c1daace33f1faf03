"""A data space of one's own: the files that the commands need, in a new folder.

They stand at the top of this project's repository, from where a build takes them into the package
(`setup.py`); a checkout's own are used where the package is imported from one.
"""

import shutil
from contextlib import suppress
from pathlib import Path

from ..errors import InputError
from ..space.dataspace import open_project

_PACKAGE = Path(__file__).resolve().parent.parent
#: What a data space is made of; folders with all that they hold.
FILES = ("project.py", "init.py", "signac.rc", "workflow.toml", "Makefile", "studies", "templates")


def new_space(folder: Path) -> list[Path]:
    """Make a data space without jobs.

    Args:
        folder: an empty one, or none yet.

    Returns:
        The files and folders made.

    Raises:
        InputError: the folder holds something.
        OSError: it cannot be written; what was made is gone again.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"new {folder}: is there already and not an empty folder")
    source = _source()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        for name in FILES:
            if (source / name).is_dir():
                shutil.copytree(source / name, folder / name)
            else:
                shutil.copyfile(source / name, folder / name)
        open_project(folder)  # makes the link .signac/config
    except OSError:
        for name in (*FILES, ".signac"):
            shutil.rmtree(folder / name, ignore_errors=True)
            with suppress(OSError):
                (folder / name).unlink(missing_ok=True)
        raise
    return [folder / name for name in FILES]


def _source() -> Path:
    built, checkout = _PACKAGE / "skeleton", _PACKAGE.parent.parent
    return built if built.exists() else checkout
