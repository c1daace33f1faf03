"""How an interval becomes a verdict on one of the paper's statements.

A verdict follows from an interval alone: it agrees if the paper's value (or sign) lies within it or
it lies beyond zero on the paper's side, disagrees if it excludes that, else there is not enough
data, and the number of seeds is given that would tell at the present spread.
"""

from dataclasses import dataclass
from enum import StrEnum

from ..analysis.statistics import seeds_needed


class Verdict(StrEnum):
    """What a data space says of a statement."""

    AGREES = "agrees"
    DISAGREES = "disagrees"
    OPEN = "not enough data"
    MISSING = "missing"


@dataclass(frozen=True)
class Reading:
    """What one ensemble says of a claim: its value in words, the verdict, and why it is so.

    `needs` is the number of seeds, in all, that would decide an open one, where that is known.
    """

    value: str
    code: Verdict
    why: str = ""
    needs: int | None = None

    @property
    def verdict(self) -> str:
        """The verdict in words, with its reason."""
        return f"{self.code}: {self.why}" if self.why else str(self.code)

    @property
    def decides(self) -> bool:
        """Whether the statement is borne out or contradicted."""
        return self.code in (Verdict.AGREES, Verdict.DISAGREES)


#: A value, and the ends of its interval; None where unknown.
Triple = list[float | None]


def judge_sign(triple: Triple, unit: str, seeds: int) -> Reading:
    """Judge a difference that the paper says is positive."""
    value, low, high = triple
    if value is None:
        return Reading("no value", Verdict.OPEN, "nothing was measured")
    if low is None or high is None:
        return Reading(f"{value:.3g} {unit}", Verdict.OPEN, "one seed gives no interval")
    shown = f"{value:.3g} [{low:.3g}, {high:.3g}] {unit}"
    if low > 0:
        return Reading(shown, Verdict.AGREES)
    if high < 0:
        return Reading(shown, Verdict.DISAGREES)
    return undecided(shown, seeds, (high - low) / 2, abs(value))


def judge_value(triple: Triple, paper: float, unit: str, seeds: int) -> Reading:
    """Judge a value against the paper's; an interval wider than half of it is not enough data."""
    value, low, high = triple
    if value is None or low is None or high is None:
        return Reading("no value", Verdict.OPEN, "no interval")
    shown = f"{value:.3g} [{low:.3g}, {high:.3g}] {unit}"
    if not low <= paper <= high:
        return Reading(shown, Verdict.DISAGREES)
    half = (high - low) / 2
    if half > abs(paper) / 2:
        return undecided(shown, seeds, half, abs(paper) / 4)
    return Reading(shown, Verdict.AGREES)


def undecided(shown: str, seeds: int, half_width: float, wanted: float) -> Reading:
    """Leave a statement open, and tell how many seeds narrow its interval to `wanted`."""
    how = seeds, half_width, wanted
    return Reading(shown, Verdict.OPEN, more_seeds(*how), seeds_needed(*how))


def more_seeds(seeds: int, half_width: float, wanted: float) -> str:
    """Say how many more seeds narrow an interval to `wanted`, at the present spread."""
    needed = seeds_needed(seeds, half_width, wanted)
    if needed is None:
        return "no estimate of how much more"
    more = needed - seeds
    if more > 10_000:
        return "more than 10,000 more seeds at the present spread"
    return f"about {max(more, 1)} more seeds at the present spread"
