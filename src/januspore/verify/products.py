"""Products: whether they are whole, unchanged, and made from the present data."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import signac

from ..files import checksum
from ..products import PRODUCTS
from ..products.kept import fault_of, read_json
from ..products.sweep_kept import REMEDY, sweep_fault, sweeps_in
from .fault import Fault, aside

_RUN = "python project.py run makes it again"


def faults(project: signac.Project, jobs: Sequence[Any], complete: bool) -> Iterator[Fault]:
    """Yield the faults of the products.

    Args:
        project: the data space.
        jobs: the usable jobs.
        complete: whether these are all jobs; if not, missing inputs of a product are not reported.
    """
    for product in PRODUCTS:
        inputs = {product.path(group[0], "json"): group for group in product.groups(jobs)}
        folder = Path(project.path, "results", product.name)
        found = sorted(folder.glob("*/*.json")) if folder.is_dir() else []
        for path in found:
            if (path.parent / "lock").exists():
                continue  # it is being made now
            fault = fault_of(path)
            if fault is None and (changed := _changed(path)) is not None:
                fault = f"{changed}: not as it was written"
            if fault is not None:
                file, _, what = fault.partition(": ")
                yield Fault(Path(file), what.partition(";")[0], _RUN, aside(path))
            elif not complete:
                continue
            elif path not in inputs:
                remedy = "move its folder away, or make the jobs again with init.py"
                yield Fault(path, "its jobs are no longer in this data space", remedy)
            elif product.is_ready(*inputs[path]) and not product.is_made(*inputs[path]):
                yield Fault(path, "not of the present data", _RUN)


def sweep_faults(project: signac.Project) -> Iterator[Fault]:
    """Yield the faults of the sweeps; one of other data than are here is the report's to tell."""
    for path in sweeps_in(project):
        what = sweep_fault(path)
        if what is None and (changed := _changed(path)) is not None:
            what = f"{changed.name} is not as it was written"
        if what is not None:
            yield Fault(path, what, REMEDY, aside(path))


def _changed(path: Path) -> Path | None:
    """Return a file of a product whose content changed although size and time did not."""
    for name, noted in ((read_json(path) or {}).get("files") or {}).items():
        if checksum(path.with_name(name)) != noted["sha256"]:
            return path.with_name(name)
    return None
