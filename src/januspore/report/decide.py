"""The jobs that would decide open statements, and their simulated time."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice

import signac

from ..schema import StatePoint, equilibration_of, with_seed
from ..space.dataspace import point_of
from .collect import Made, products_made
from .comparison import Row, comparison


@dataclass(frozen=True)
class Wish:
    """Seeds that would decide one statement for one ensemble.

    Attributes:
        statement: its text and membrane.
        points: a state point for each additional seed; empty if no seed can decide.
        why_not: why no seed can decide.
    """

    statement: str
    points: tuple[StatePoint, ...]
    why_not: str = ""

    @property
    def simulated_ps(self) -> float:
        """Simulated time of the seeds, without equilibrations that they may need."""
        return sum(point.protocol.simulated_ps() for point in self.points)


def wishes(project: signac.Project) -> list[Wish]:
    """Return the seeds that each open statement needs, the cheapest first.

    Intervals are over equilibrations (see `Ensemble.sums`), so each of the seeds starts from
    another equilibration.
    """
    found = [
        _wish(project, row, row.made)
        for row in comparison(products_made(project))
        if row.made is not None and row.reading.needs is not None and not row.reading.decides
    ]
    return sorted(found, key=lambda wish: wish.simulated_ps)


def _wish(project: signac.Project, row: Row, made: Made) -> Wish:
    statement = f"{row.quantity} ({row.membrane})"
    needs = row.reading.needs or 0
    first = point_of(project.open_job(id=made.jobs[0]["id"]))
    most = first.protocol.model_dump().get("equilibration", {}).get("count", needs)
    if needs > most:
        return Wish(
            statement,
            (),
            f"needs {needs} equilibrations and its protocol has {most}: "
            "give it a larger equilibration.count in a study",
        )
    seeds = islice(_independent(first, made), needs - made.equilibrations)
    return Wish(statement, tuple(with_seed(first, seed) for seed in seeds))


def _independent(point: StatePoint, made: Made) -> Iterator[int]:
    """Seeds that start from equilibrations which no seed of the ensemble starts from."""
    used = {equilibration_of(point.protocol, job["seed"]) for job in made.jobs}
    for seed in count():
        own = equilibration_of(point.protocol, seed)
        if own not in used:
            used.add(own)
            yield seed


def within(found: list[Wish], max_ns: float) -> tuple[list[Wish], list[Wish]]:
    """Split wishes into those that fit into a budget, shared seeds counted once, and the rest."""
    taken: list[Wish] = []
    planned: set[str] = set()
    left = max_ns * 1000.0
    for wish in found:
        new = {p.model_dump_json(): p.protocol.simulated_ps() for p in wish.points}
        cost = sum(ps for key, ps in new.items() if key not in planned)
        if wish.points and cost <= left:
            taken.append(wish)
            planned |= new.keys()
            left -= cost
    return taken, [wish for wish in found if wish not in taken]
