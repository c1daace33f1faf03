"""What to use: the fastest of what is right, how many side by side, and how long it takes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..run.estimate import Rate
from ..schema import StatePoint
from .cells import CELLS

#: A smaller number side by side is taken if it gives this part of the best throughput.
ENOUGH = 0.9


@dataclass
class Trial:
    """An engine on one platform, and what came of it.

    Attributes:
        engine: its name.
        platform: as JANUSPORE_PLATFORM calls it.
        device: the device's name.
        is_gpu: whether that is a GPU.
        by_itself: whether the engine runs there without being told.
        about: the engine's own provenance.
        numbers: of the tasks `forces` and `motion`.
        speed: of the task `speed`, by cell.
        beside: of the task `side_by_side`, for each number of processes.
        faults: what is wrong, one line each.
    """

    engine: str
    platform: str
    device: str
    is_gpu: bool
    by_itself: bool = True
    about: dict[str, Any] = field(default_factory=dict)
    numbers: dict[str, Any] = field(default_factory=dict)
    speed: dict[str, dict[str, Any]] = field(default_factory=dict)
    beside: list[dict[str, Any]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def is_candidate(self) -> bool:
        """Whether it is for production: not so a GPU's platform whose device is the CPU."""
        return self.is_gpu or self.platform.lower() == "cpu"

    @property
    def gains(self) -> dict[int, float]:
        """Throughput of so many side by side over that of one."""
        alone = next((b["ns_per_day"] for b in self.beside if b["side_by_side"] == 1), None)
        if not alone:
            return {1: 1.0}
        return {b["side_by_side"]: b["ns_per_day"] / alone for b in self.beside}

    @property
    def side_by_side(self) -> int:
        """How many to run side by side: the fewest that give `ENOUGH` of the best throughput."""
        gains = self.gains
        return min(n for n, gain in gains.items() if gain >= ENOUGH * max(gains.values()))

    def throughput(self, cell: str) -> float:
        """ns a day in a cell, all that run side by side together."""
        return float(self.speed[cell]["ns_per_day"]) * self.gains[self.side_by_side]


def fastest(trials: Iterable[Trial]) -> Trial | None:
    """Return the candidate with the most throughput, in the largest cell that all were timed in.

    None if none is sound and timed.
    """
    sound = [t for t in trials if t.is_candidate and not t.faults and t.speed]
    shared = [cell for cell in CELLS if all(cell in t.speed for t in sound)]
    if not sound or not shared:
        return None
    return max(sound, key=lambda trial: trial.throughput(shared[-1]))


def by_kind(trials: Sequence[Trial]) -> dict[str, str]:
    """Return the engine to prefer, for each kind of machine that was tried here.

    A preference names no platform: on a GPU it is for engines that take it by themselves.
    """
    best = {
        "gpu": fastest(t for t in trials if t.is_gpu and t.by_itself),
        "cpu": fastest(t for t in trials if not t.is_gpu),
    }
    return {kind: trial.engine for kind, trial in best.items() if trial}


def settings(trial: Trial) -> dict[str, str]:
    """Return the environment that is recommended, beside the engine that is written down."""
    found = {"JANUSPORE_ENGINE": trial.engine}
    if not trial.by_itself:
        found["JANUSPORE_PLATFORM"] = trial.platform
    if trial.is_gpu:
        found["JANUSPORE_JOBS_PER_GPU"] = str(trial.side_by_side)
    else:
        found["JANUSPORE_THREADS"] = "1"
    together = [b for b in trial.beside if b["side_by_side"] == trial.side_by_side]
    rates = [b["atom_steps_per_s_each"] for b in together] or [
        atom_steps_per_s(speed) for speed in trial.speed.values()
    ]
    found["JANUSPORE_ATOM_STEPS_PER_S"] = f"{min(rates):.3g}"
    return found


def atom_steps_per_s(speed: dict[str, Any]) -> float:
    """Atoms times steps a second of a timing."""
    return float(speed["atoms"] * 1e3 / speed["ms_per_step"])


def hours(jobs: list[tuple[StatePoint, int]], speed: dict[str, Any], trial: Trial) -> float:
    """Time of a study's jobs at a timing, as many side by side as is recommended.

    Args:
        jobs: state points, each with the snapshots that it keeps.
        speed: of one simulation alone.
        trial: whose timing it is.
    """
    together = min(trial.side_by_side, max(len(jobs), 1))
    gain = max(gain for n, gain in trial.gains.items() if n <= together)
    return Rate(atom_steps_per_s(speed) * gain, "").hours(jobs)
