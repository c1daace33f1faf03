"""The command: finds faults, repairs them if asked to, and prints one line for each."""

import sys
from collections.abc import Iterator
from pathlib import Path

import signac
from tqdm import tqdm

from ..errors import InputError
from ..files import put_aside
from ..space.dataspace import SoundProject, find_project, open_project
from . import jobs, products, space
from .fault import Fault


def verify_command(root: Path, repair: bool) -> int:
    """Verify the data space at `root`; print its faults and a last line.

    Args:
        root: its folder.
        repair: carry out the repairs, which lose no data.

    Returns:
        Exit status: 0 if no fault is left, else 2.

    Raises:
        InputError: there is no data space, or it cannot be opened without a repair.
    """
    project = _opened(root, repair)
    left = repaired = 0
    for fault in _faults(project):
        if repair and fault.repair is not None:
            try:
                print(f"repaired: {fault.line(root)}: {fault.repair()}")
                repaired += 1
                continue
            except (OSError, InputError) as error:
                print(f"not repaired: {fault.line(root)}: {error}")
        else:
            print(f"fault: {fault.line(root)}")
        left += 1
    print(f"{left} faults" + (f", {repaired} repaired" if repaired else ""))
    if left and not repair:
        print("python -m januspore verify --repair does what loses nothing")
    return 2 if left else 0


def _opened(root: Path, repair: bool) -> SoundProject:
    try:
        return find_project(root)
    except InputError as error:
        config = root / "signac.rc"
        if not repair or not config.is_file():
            raise
        print(f"repaired: {error}: put aside as {put_aside(config).name}, and written again")
        return open_project(root)


def _faults(project: signac.Project) -> Iterator[Fault]:
    yield from space.faults(project)
    sound, others = jobs.listed(project)
    families = jobs.Families(sound, others)
    for job in others:
        yield jobs.unusable(job, families)
    if others:  # repairs may have changed the list
        sound, others = jobs.listed(project)
        families = jobs.Families(sound, others)
    for job in tqdm(sound, desc="jobs", unit="job", disable=not sys.stderr.isatty()):
        yield from jobs.faults(job, families)
    yield from products.faults(project, sound, complete=not others)
    yield from products.sweep_faults(project)
