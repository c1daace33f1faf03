"""The command `init.py`: reads its options, validates everything, then creates the jobs."""

import argparse
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import signac

from ..errors import InputError, told_in_one_line
from ..files import put_aside
from ..schema import StatePoint
from ..space.dataspace import (
    as_text,
    names_of,
    open_project,
    project_document,
    recipes_of,
)
from ..space.paper import name_of
from ..space.plan import Plan, carry_out, plan
from ..space.study import load_study, parse_charges, parse_seeds
from ..values import SEED_END
from .command import carry_out as run_command
from .feasible import (
    check_buildable,
    check_memory,
    largest,
    same_pores,
)


def main(root: Path) -> int:
    """Run `init.py` of the data space at `root`; returns the exit status."""
    return run_command(
        lambda: init_command(None, root),
        "stopped: every job is whole or absent; repeat the command to continue",
    )


def init_command(arguments: list[str] | None, root: Path) -> None:
    """Carry out `init.py`: read options, validate everything, then create the jobs.

    Raises:
        InputError: a key, a value or a combination of them is not usable; nothing was written.
    """
    options = _parser().parse_args(arguments)
    project = open_project(root)
    asked = _decisions(project, options) if options.decide else _sweep(project, options, root)
    todo = plan(project, asked.points)
    new = [todo.points[i] for i in todo.new]
    check_buildable(new)
    if new and not options.force:
        check_memory(new)
    if not options.dry_run:
        if asked.study:
            _name(project, asked.study, asked.names)
        carry_out(project, todo)
    _print(asked.title, todo)
    for note in same_pores([*recipes_of(project), *new]) if new else ():
        print(f"  note: {note}")
    if options.calibrate and todo.new:
        _print_time(todo)
    if options.dry_run:
        print("dry run: nothing was written")


@dataclass(frozen=True)
class _Asked:
    """Requested state points: those of a study, or those that would decide open statements."""

    title: str
    points: list[StatePoint]
    study: str = ""
    names: dict[str, str] = field(default_factory=dict)


def _sweep(project: signac.Project, options: argparse.Namespace, root: Path) -> _Asked:
    name = options.study if options.study is not None else _last_study(project)
    # A path on the command line is relative to the working folder, a stored one to the data space.
    where = name if options.study is not None else _of_the_space(name, root)
    study = load_study(where, root / "studies")
    charges = [parse_charges(text) for text in options.charges or []]
    seeds = None if options.seeds is None else parse_seeds(options.seeds)
    if seeds is not None and options.seeds_from:
        raise InputError("--seeds and --seeds-from: only one of them")
    points = study.state_points(charges or None, options.protocol, seeds, options.seeds_from or 0)
    kept = name if options.study is None else _relative(options.study, root)
    names = {
        as_text({"charge_set": own.model_dump()}, "charge_set"): name
        for own, name in zip(study.charge_sets, study.names, strict=True)
        if name and not name_of(own.model_dump())
    }
    return _Asked(f"study {study.name}", points, kept, names)


def _last_study(project: signac.Project) -> str:
    """The study noted down in the project document, "quick" in a data space without jobs.

    Raises:
        InputError: there are jobs, and the document does not say of which study.
    """
    name = project_document(project).get("study")
    if not name and len(project):
        raise InputError(
            f"--study: {project.FN_DOCUMENT} does not say which study made the jobs that are here; "
            "name it"
        )
    return str(name or "quick")


def _decisions(project: signac.Project, options: argparse.Namespace) -> _Asked:
    """The seeds that open statements need, within the budget of --max-ns."""
    from ..report.decide import Wish, wishes, within  # imported here, as it loads pandas

    others = ("study", "charges", "protocol", "seeds", "seeds_from")
    given = [f"--{name}".replace("_", "-") for name in others if getattr(options, name) is not None]
    if given:
        raise InputError(f"--decide takes its seeds from what is open; leave out {given[0]}")
    taken, left = within(wishes(project), options.max_ns)

    def shown(wish: Wish) -> str:
        seeds = f"{len(wish.points)} more seeds, {wish.simulated_ps / 1000:.3g} ns"
        return f"{wish.statement}: {wish.why_not or seeds}"

    for wish in taken:
        print(f"  to decide {shown(wish)}")
    for wish in left:
        print(f"  left open {shown(wish)}")
    if not taken and not left:
        print(
            "no open statement would be decided by more seeds; python project.py run makes products"
        )
    return _Asked("to decide", [point for wish in taken for point in wish.points])


def _name(project: signac.Project, study: str, names: dict[str, str]) -> None:
    """Store the study before its jobs are created, so that a repeated `init.py` continues."""
    try:
        names = names_of(project) | names
        if project_document(project).get("study") == study and names == names_of(project):
            return
    except InputError:
        put_aside(Path(project.fn(project.FN_DOCUMENT)))
    with told_in_one_line(project.fn(project.FN_DOCUMENT)):
        project.doc["study"] = study
        if names:  # stored as pairs, as signac allows no dot in a key
            project.doc["names"] = [list(pair) for pair in names.items()]


def _of_the_space(study: str, root: Path) -> str:
    return str(root / study) if study.endswith(".toml") else study


def _relative(study: str, root: Path) -> str:
    return os.path.relpath(Path(study).resolve(), root) if study.endswith(".toml") else study


def _print(title: str, todo: Plan) -> None:
    kinds = Counter(todo.points[i].protocol.name for i in todo.new)
    kept = Counter(point.protocol.name for i, point in todo.points.items() if i not in todo.new)
    print(f"{title}: {len(todo.new)} new, {len(todo.points) - len(todo.new)} existing jobs")
    for name in sorted(kinds | kept):
        print(f"  {name:<12} {kinds[name]:>6} new {kept[name]:>6} existing")
    print(f"  {todo.simulated_ps() / 1000:.3f} ns to simulate in the new jobs")
    if todo.new:
        most, memory = largest(todo.points[i] for i in todo.new)
        print(f"  {most:,} atoms in the largest of them, about {memory:.0f} GB of memory")


def _print_time(todo: Plan) -> None:
    from .estimate import calibrate, in_words  # imported here, as it loads an engine

    new = [(todo.points[i], todo.snapshots.get(i, 1)) for i in sorted(todo.new)]
    rate = calibrate(new[0][0])
    shown = in_words(rate.hours(new))
    print(f"  {shown} for them, one after the other: measured now, {rate.measured}")


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{text!r} must be a number above 0")
    return value


def _whole(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = -1
    if not 0 <= value < SEED_END:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number from 0 to 2^31")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="init.py", description="Initialise the data space, or extend it; existing jobs stay."
    )
    parser.add_argument(
        "--study",
        help="name in studies/ or path of a TOML file (default: the data space's own, else quick)",
    )
    parser.add_argument(
        "--charges",
        action="append",
        metavar="Mo=Q,S=Q[,Se=Q]",
        help="a charge set in e instead of the study's; may be repeated",
    )
    parser.add_argument(
        "--protocol", action="append", help="only this protocol of the study; may be repeated"
    )
    parser.add_argument("--seeds", help="instead of the study's: 0:10 (10 excluded) or 0,3,7")
    parser.add_argument(
        "--seeds-from",
        type=_whole,
        metavar="N",
        help="add N to all of the study's seeds: the same study once more, independent where its "
        "equilibration.count is above the seeds",
    )
    parser.add_argument(
        "--decide",
        action="store_true",
        help="instead of a study: the seeds that decide what is open, the cheapest first",
    )
    parser.add_argument(
        "--max-ns",
        type=_positive,
        default=float("inf"),
        metavar="NS",
        help="simulated time that --decide may ask for, without new equilibrations",
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="make jobs that need more memory than this machine has",
    )
    parser.add_argument("--dry-run", action="store_true", help="only print what would be done")
    parser.add_argument(
        "--calibrate",
        action="store_true",
        help="measure this machine's engine for some seconds, and say how long the new jobs take",
    )
    return parser
