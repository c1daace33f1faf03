"""Generate data with a known true value for every claim of the report, and count its verdicts.

    python benchmarks/coverage.py                     (some 30 minutes on one core)
    python benchmarks/coverage.py --families barriers --seeds 4 --repeats 50
    python benchmarks/coverage.py --table             (the last results as Markdown)

The planted data are the sums that the analysis of each seed returns (`coverage_*.py`), and for one
family the records themselves (`coverage_records.py`). Estimates, intervals, findings and claims are
then made by the package. For each claim, planted case and number of seeds the benchmark counts how
often the interval contains the true value, how often a verdict is wrong ("agrees" where the paper
is wrong, "disagrees" where it is right), and how often it is correct (power). Verdicts are those of
each claim alone; the control of the false discovery rate over a whole report
(`report.judging.controlled`) can only withhold some. Results of families and numbers of seeds that
are not requested are kept.
"""

import argparse
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from coverage_barriers import BARRIER_CASES
from coverage_case import Case
from coverage_currents import LOOP_CASES, PULSE_CASES
from coverage_records import RECORD_CASES
from coverage_water import WATER_CASES

from januspore.report.claims import CLAIMS
from januspore.report.judging import Verdict

SEEDS = (2, 4, 8, 12)
FAMILIES = {
    "barriers": BARRIER_CASES,
    "loops": LOOP_CASES,
    "pulses": PULSE_CASES,
    "records": RECORD_CASES,
    "water": WATER_CASES,
}
RESULTS = Path(__file__).parent / "results" / "coverage.json"


@dataclass
class Count:
    """Counts of one claim, case and number of seeds."""

    claim: str
    case: str
    right: str  # "agrees", "disagrees", or "" if neither
    seeds: int
    repeats: int = 0
    agrees: int = 0
    disagrees: int = 0
    intervals: int = 0
    covered: int = 0

    def add(self, code: Verdict, inside: bool | None) -> None:
        """Count one reading; `inside` is None where there is no interval."""
        self.repeats += 1
        self.agrees += code is Verdict.AGREES
        self.disagrees += code is Verdict.DISAGREES
        if inside is not None:
            self.intervals += 1
            self.covered += inside


def counted(case: Case, seeds: int, repeats: int, rng: np.random.Generator) -> list[Count]:
    """Plant a case many times and count the readings of its claims."""
    counts: dict[str, Count] = {}
    claims = [claim for claim in CLAIMS if claim.quantity in case.truths]
    assert {c.quantity for c in claims} == set(case.truths), "a case names a claim that is none"
    for _ in range(repeats):
        made, intervals = case.plant(seeds, rng)
        for claim in claims:
            truth = case.truths[claim.quantity]
            own = counts.setdefault(
                claim.quantity, Count(claim.quantity, case.name, truth.right, seeds)
            )
            low, high = intervals.get(claim.quantity, (None, None))
            known = low is not None and high is not None and truth.value is not None
            own.add(claim.read(made).code, bool(low <= truth.value <= high) if known else None)
    return list(counts.values())


def campaign(
    families: Iterable[str], seeds: Iterable[int], repeats: int, claims: Iterable[str] = ("",)
) -> Iterator[Count]:
    """Count all cases of some families in which a claim has one of some texts in its name.

    The random numbers are the same in every call.
    """
    for family in families:
        for number, case in enumerate(FAMILIES[family]):
            named = any(text in claim for claim in case.truths for text in claims)
            for n in seeds if named else ():
                rng = np.random.default_rng([sum(map(ord, family)), number, n])
                yield from counted(case, n, round(repeats * case.share), rng)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--families", nargs="+", choices=list(FAMILIES), default=list(FAMILIES))
    parser.add_argument("--claims", nargs="+", default=[""], help="cases of those with such a text")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.add_argument("--repeats", type=int, default=400, help="of each case and number of seeds")
    parser.add_argument("--table", action="store_true", help="print the last results")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    if not options.table:
        chosen = options.families, options.seeds, options.repeats, options.claims
        counts = [vars(c) for c in campaign(*chosen)]
        again = {_cell(count) for count in counts}
        counts += [count for count in _kept(options.output) if _cell(count) not in again]
        counts.sort(key=_cell)
        text = json.dumps({"counts": counts}, indent=1)
        options.output.write_text(text + "\n", encoding="utf-8")
    print(table(json.loads(options.output.read_text(encoding="utf-8"))["counts"]))


def _cell(count: dict[str, Any]) -> tuple[str, str, int]:
    return count["claim"], count["case"], count["seeds"]


def _kept(path: Path) -> list[dict[str, Any]]:
    """Earlier counts, of cases that still exist."""
    cases = {(claim, c.name) for own in FAMILIES.values() for c in own for claim in c.truths}
    if not path.exists():
        return []
    found = json.loads(path.read_text(encoding="utf-8"))["counts"]
    return [count for count in found if (count["claim"], count["case"]) in cases]


# --- the table ---------------------------------------------------------------------------------


def table(counts: list[dict[str, Any]]) -> str:
    """Markdown with a row for each claim and case; its cells have a value per number of seeds."""
    lines = ["| claim | planted | right | coverage | false agrees | false disagrees | power |"]
    lines.append("|" + "---|" * 7)
    every = [Count(**own) for own in counts]
    for (claim, case), group in groupby(
        sorted(every, key=lambda c: (c.claim, c.case, c.seeds)), key=lambda c: (c.claim, c.case)
    ):
        own = list(group)
        right = own[0].right
        false = {
            word: "" if right == word else _row(100 * getattr(c, word) / c.repeats for c in own)
            for word in ("agrees", "disagrees")
        }
        power = _row(100 * getattr(c, right) / c.repeats for c in own) if right else ""
        covered = " ".join(_coverage(c) for c in own)
        cells = (claim, case, right or "neither", covered, *false.values(), power)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _row(parts: Iterable[float]) -> str:
    return " ".join(f"{part:.1f}" if 0 < part < 10 else f"{part:.0f}" for part in parts)


def _coverage(count: Count) -> str:
    """Coverage of the given intervals, "-" if few are, as these are a biased selection."""
    if count.intervals < count.repeats / 2:
        return "-"
    return f"{count.covered / count.intervals:.2f}"


if __name__ == "__main__":
    main()
