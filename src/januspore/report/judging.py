"""How an interval becomes a verdict on one of the paper's statements.

A verdict follows from an interval. A difference agrees if its interval lies beyond zero on the
paper's side, and disagrees if it lies on the other. A value disagrees if its interval excludes the
paper's, and agrees if it contains it and excludes what is off by more than half of it. Else there
is not enough data, and the number of seeds is given that would tell at the present spread. One
interval is wrong in 5 % of cases, and the report has some thirty: `controlled` keeps those verdicts
of which, all together, at most 5 % are expected to be wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from scipy.stats import false_discovery_control

from ..analysis.statistics import LEVEL, p_value, seeds_needed, shown


class Verdict(StrEnum):
    """What a data space says of a statement."""

    AGREES = "agrees"
    DISAGREES = "disagrees"
    OPEN = "not enough data"
    MISSING = "missing"
    #: A reading of a membrane, or under conditions, of which the paper says nothing.
    APART = "not the paper's"


@dataclass(frozen=True)
class Reading:
    """What one ensemble says of a claim: its value in words, the verdict, and why it is so.

    `p` is the probability of data that speak as clearly against what the verdict rejects if that
    were true; None where nothing was tested. `needs` is the number of seeds, in all, that would
    decide an open one, where that is known.
    """

    value: str
    code: Verdict
    why: str = ""
    p: float | None = None
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
    if low is None or high is None or seeds < 2:
        return Reading(f"{value:.3g} {unit}", Verdict.OPEN, "one seed gives no interval")
    known = (value, low, high)
    says = f"{shown(known)} {unit}"
    p = p_value(known, 0.0, seeds)
    if low > 0:
        return Reading(says, Verdict.AGREES, p=p)
    if high < 0:
        return Reading(says, Verdict.DISAGREES, p=p)
    return undecided(says, seeds, (high - low) / 2, abs(value), p)


def judge_value(triple: Triple, paper: float, unit: str, seeds: int) -> Reading:
    """Judge a value against the paper's, with half of that as what may be called the same."""
    value, low, high = triple
    if value is None or low is None or high is None or seeds < 2:
        return Reading("no value", Verdict.OPEN, "no interval")
    known, same = (value, low, high), abs(paper) / 2
    says = f"{shown(known)} {unit}"
    differs = p_value(known, paper, seeds)
    # What is off by more is rejected on either side.
    alike = max(p_value(known, paper + side * same, seeds) for side in (-1, 1))
    if not low <= paper <= high:
        return Reading(says, Verdict.DISAGREES, p=differs)
    if paper - same < low and high < paper + same:
        return Reading(says, Verdict.AGREES, p=alike)
    left = same - abs(value - paper)
    wanted = left if left > 0 else abs(value - paper)
    return undecided(says, seeds, (high - low) / 2, wanted, min(differs, alike))


def undecided(
    value: str, seeds: int, half_width: float, wanted: float, p: float | None = None
) -> Reading:
    """Leave a statement open, and say how many seeds would narrow its interval to `wanted`."""
    needed = seeds_needed(seeds, half_width, wanted)
    return Reading(value, Verdict.OPEN, _more(seeds, needed), p, needed)


def _more(seeds: int, needed: int | None) -> str:
    """Say how many more seeds are needed, at the present spread; None where that is unknown."""
    if needed is None:
        return "no estimate of how much more"
    more = needed - seeds
    if more > 10_000:
        return "more than 10,000 more seeds at the present spread"
    return f"about {max(more, 1)} more seeds at the present spread"


def controlled(readings: Sequence[Reading]) -> list[Reading]:
    """Leave those verdicts open that stand or fall with chance among so many.

    Benjamini and Hochberg's control of the false discovery rate (J. R. Statist. Soc. B 57, 289
    (1995)), which holds for statements that are independent or depend on one another positively. A
    verdict without a p of its own has that of its interval's level.
    """
    at_most = 1 - LEVEL
    known = [replace(r, p=at_most) if r.decides and r.p is None else r for r in readings]
    tested = [k for k, r in enumerate(known) if r.p is not None]
    if not tested:
        return known
    adjusted = false_discovery_control([known[k].p for k in tested])
    for k, q in zip(tested, adjusted, strict=True):
        reading = known[k]
        if reading.decides and q > at_most:
            why = f"{reading.code} alone, but not among {len(tested)} statements (q = {q:.2f})"
            known[k] = replace(reading, code=Verdict.OPEN, why=why)
    return known
