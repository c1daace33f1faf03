"""How an interval becomes a verdict on one of the paper's statements.

A difference agrees with the paper if its interval lies on the paper's side of zero, and disagrees
if it lies on the other side. A value disagrees if its interval excludes the paper's value; it
agrees if its interval contains that value and lies within half of it on either side. Otherwise
there are not enough data, and the number of seeds is given that would decide at the present spread.
One interval is wrong in 5 % of cases, and the report has some thirty: `controlled` keeps those
verdicts of which, all together, at most 5 % are expected to be wrong.
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
    #: A result for a membrane or conditions about which the paper makes no statement.
    APART = "not the paper's"


@dataclass(frozen=True)
class Reading:
    """Result of one ensemble for a claim: its value in words, the verdict, and the reason.

    `p` is the p-value of the hypothesis that the verdict rejects; None where nothing was tested.
    `needs` is the total number of seeds that would decide an open claim, where that is known;
    `command` is what to type for a result that is missing, where one command makes it.
    """

    value: str
    code: Verdict
    why: str = ""
    p: float | None = None
    needs: int | None = None
    command: str = ""

    @property
    def verdict(self) -> str:
        """The verdict in words, with its reason."""
        return f"{self.code}: {self.why}" if self.why else str(self.code)

    @property
    def decides(self) -> bool:
        """Whether the verdict is "agrees" or "disagrees"."""
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
    """Judge a value against the paper's; within half of the paper's value it counts as equal."""
    value, low, high = triple
    if value is None or low is None or high is None or seeds < 2:
        return Reading("no value", Verdict.OPEN, "no interval")
    known, same = (value, low, high), abs(paper) / 2
    says = f"{shown(known)} {unit}"
    differs = p_value(known, paper, seeds)
    # To agree, both values at the ends of that range must be rejected.
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
        return "the number of seeds needed cannot be estimated"
    more = needed - seeds
    if more > 10_000:
        return "more than 10,000 more seeds at the present spread"
    return f"about {max(more, 1)} more seeds at the present spread"


def controlled(readings: Sequence[Reading]) -> list[Reading]:
    """Withdraw verdicts that chance may explain among so many statements.

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
