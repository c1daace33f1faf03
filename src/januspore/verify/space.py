"""What all jobs share: the project document, signac's cache, files left by killed processes."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import signac

from ..errors import InputError
from ..space.dataspace import project_document
from ..space.making import ASIDE
from .fault import Fault, aside, removed


def faults(project: signac.Project) -> Iterator[Fault]:
    """Yield the faults that belong to no single job or product."""
    document = Path(project.fn(project.FN_DOCUMENT))
    try:
        project_document(project)
    except InputError:
        remedy = "python init.py --study NAME writes it again"
        yield Fault(document, "damaged: not a table", remedy, aside(document))
    results = Path(project.path, "results")
    if results.exists() and not results.is_dir():
        yield Fault(results, "a file where a folder must be", "move it away", aside(results))
    if not Path(project.path, ".signac", "lock").exists():
        making = Path(project.workspace, ASIDE)
        if making.exists():
            remedy = "python init.py, with the options that were typed, goes on"
            yield Fault(making, "left by an init.py that was killed", remedy, _cleared(making))
    for folder in (results, Path(project.path)):
        pattern = "*/*/.*.tmp" if folder == results else ".*.tmp"
        for path in sorted(folder.glob(pattern)) if folder.is_dir() else ():
            if not (path.parent / "lock").exists():
                yield Fault(path, "left by a killed process", "remove it", removed(path))


def _cleared(folder: Path) -> Callable[[], str]:
    def repair() -> str:
        shutil.rmtree(folder)
        return "removed"

    return repair
