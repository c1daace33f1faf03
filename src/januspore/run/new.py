"""Creating a data space in a new folder, with the files that the commands need.

These files are at the top of this project's repository. A build copies them into the package
(`setup.py`); in a checkout they are used directly.
"""

import shutil
from contextlib import suppress
from pathlib import Path

from ..errors import InputError
from ..space.dataspace import open_project

_PACKAGE = Path(__file__).resolve().parent.parent
#: Files and folders of a data space; folders are copied with their content.
FILES = ("project.py", "init.py", "signac.rc", "workflow.toml", "Makefile", "studies", "templates")


def new_space(folder: Path) -> list[Path]:
    """Create a data space without jobs.

    Args:
        folder: an empty folder, or one that does not exist yet.

    Returns:
        The files and folders made.

    Raises:
        InputError: the folder is not empty.
        OSError: it cannot be written; the new files are removed.
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
        open_project(folder)  # creates the link .signac/config
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
