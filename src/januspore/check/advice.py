"""Recommendations: the fastest correct engine, how many side by side, and estimated times."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..run.estimate import Rate
from ..schema import StatePoint
from .cells import CELLS

#: The smallest number side by side with this fraction of the best throughput is recommended.
ENOUGH = 0.9


@dataclass
class Trial:
    """An engine on one platform, and the results of its trial.

    Attributes:
        engine: its name.
        platform: as JANUSPORE_PLATFORM calls it.
        device: the device's name.
        is_gpu: whether that is a GPU.
        by_itself: whether the engine chooses it by default.
        about: the engine's own provenance.
        numbers: of the tasks `forces` and `motion`.
        speed: of the task `speed`, by cell.
        beside: of the task `side_by_side`, for each number of processes.
        faults: its faults, one line each.
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
        """Whether it suits production; a GPU's platform whose only device is the CPU does not."""
        return self.is_gpu or self.platform.lower() == "cpu"

    @property
    def gains(self) -> dict[int, float]:
        """Throughput of several side by side over that of one, by their number."""
        alone = next((b["ns_per_day"] for b in self.beside if b["side_by_side"] == 1), None)
        if not alone:
            return {1: 1.0}
        return {b["side_by_side"]: b["ns_per_day"] / alone for b in self.beside}

    @property
    def side_by_side(self) -> int:
        """Number to run side by side: the smallest with `ENOUGH` of the best throughput."""
        gains = self.gains
        return min(n for n, gain in gains.items() if gain >= ENOUGH * max(gains.values()))

    def throughput(self, cell: str) -> float:
        """Total throughput in a cell, ns/day, of all that run side by side."""
        return float(self.speed[cell]["ns_per_day"]) * self.gains[self.side_by_side]


def fastest(trials: Iterable[Trial]) -> Trial | None:
    """Return the candidate with the highest throughput in the largest cell timed for all.

    None if no candidate is without faults and timed.
    """
    sound = [t for t in trials if t.is_candidate and not t.faults and t.speed]
    shared = [cell for cell in CELLS if all(cell in t.speed for t in sound)]
    if not sound or not shared:
        return None
    return max(sound, key=lambda trial: trial.throughput(shared[-1]))


def by_kind(trials: Sequence[Trial]) -> dict[str, str]:
    """Return the engine to prefer, for each kind of machine that was tried here.

    A preference does not name a platform, so on a GPU it is given only to engines that choose the
    GPU by default.
    """
    best = {
        "gpu": fastest(t for t in trials if t.is_gpu and t.by_itself),
        "cpu": fastest(t for t in trials if not t.is_gpu),
    }
    return {kind: trial.engine for kind, trial in best.items() if trial}


def settings(trial: Trial) -> dict[str, str]:
    """Return the recommended environment variables, in addition to the stored preference."""
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
    """Hours of a study's jobs at a measured speed, run side by side as recommended.

    Args:
        jobs: state points, each with the snapshots that it keeps.
        speed: of one simulation alone.
        trial: the trial of that timing.
    """
    together = min(trial.side_by_side, max(len(jobs), 1))
    gain = max(gain for n, gain in trial.gains.items() if n <= together)
    return Rate(atom_steps_per_s(speed) * gain, "").hours(jobs)
