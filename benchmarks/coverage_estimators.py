"""Measure the coverage of single estimators of currents and water with planted data.

    python benchmarks/coverage_estimators.py            (some 15 minutes on one core)
    python benchmarks/coverage_estimators.py --table    (the last results as Markdown)

`coverage.py` does the same for the verdicts on the report's claims. Here each estimator is tested
where it is weakest: from no crossing to hundreds, a first pulse with hardly any current, times of
steps, the lag of a linear response from 125 to 0.2 GHz.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from coverage_case import made_of
from coverage_records import train_intervals
from coverage_water import some_steps
from helpers import tiny_point
from matplotlib.figure import Figure
from planted_currents import crossing_tables
from planted_order import phase_sums, relaxing, step_sums

from januspore.analysis.current import current_interval
from januspore.analysis.cycle import PHASES
from januspore.analysis.lag import lag
from januspore.analysis.loop import area, bins_of, mean_current
from januspore.analysis.ndr import find_ndr
from januspore.analysis.statistics import Interval, ratio_of_means
from januspore.products import step_relaxation
from januspore.products.ensemble import Content
from januspore.report import water
from januspore.report.judging import Verdict
from januspore.units import E_PER_PS

SEEDS = (2, 4, 8, 12)
RESULTS = Path(__file__).parent / "results" / "coverage-estimators.json"
#: |E| at the edges of the phase bins of a quarter of a sine of 1.2 V/nm.
EDGES = 1.2 * np.sin(np.arange(PHASES // 4 + 1) / (PHASES // 4) * np.pi / 2)
Numbers = np.random.Generator


def holds(interval: Any, truth: float) -> bool | None:
    """Whether an interval contains the true value; None where it has no ends."""
    low, high = (interval.low, interval.high) if isinstance(interval, Interval) else interval[1:]
    known = low is not None and np.isfinite(low) and np.isfinite(high)
    return bool(low <= truth <= high) if known else None


def current(rng: Numbers, seeds: int, expected: float, spread: float = 0.0) -> bool | None:
    """Mean current of a branch: `expected` ions one way, a quarter of them back, and two that dip.

    `spread`: relative standard deviation of the rates between seeds.
    """
    own = rng.gamma(spread**-2, spread**2, (seeds, 1)) if spread else 1.0
    by_bin = np.zeros(PHASES)
    by_bin[bins_of("forward", "+")] = 4 * expected / PHASES
    tables = crossing_tables(rng, seeds, own * by_bin, 2.0, back=own * by_bin / 4)
    truth = 0.75 * expected * E_PER_PS / (2.0 * seeds * PHASES / 4)
    return holds(mean_current(tables, "forward", "+"), truth)


def loop_area(rng: Numbers, seeds: int, expected: float) -> bool | None:
    """Area of a loop whose true area is 0, for a number of ions in each phase bin."""
    tables = crossing_tables(rng, seeds, expected, 2.0)
    return holds(current_interval(tables, lambda t: area(t, "+", EDGES)).at(0), 0.0)


def false_ndr(rng: Numbers, seeds: int, expected: float) -> bool:
    """NDR found for a constant current, for a number of ions in each phase bin."""
    return find_ndr(crossing_tables(rng, seeds, expected, 2.0), "forward", "+", EDGES).found


def ratio(rng: Numbers, seeds: int, errors: float) -> bool | None:
    """I1/I0 of 1.7 for I0 in standard errors from 0, counted where it is given."""
    share = rng.normal([1.0, 1.7], np.sqrt(seeds) / errors, (seeds, 2))
    spread, (bottom, top) = np.cov(share, rowvar=False) / seeds, share.mean(axis=0)
    known = (spread[1, 1], spread[0, 0])
    return holds(ratio_of_means((top, bottom), known, spread[0, 1], seeds), 1.7)


def times(rng: Numbers, seeds: int, pair: tuple[float, float]) -> list[bool | None]:
    """tau up, tau down and their ratio from twenty repeats of steps between 0 and 1.2 V/nm."""
    keys = {"high_V_per_nm": 1.2, "up_ps": 10.0, "down_ps": 20.0, "repeats": 20}
    protocol = tiny_point("steps", **keys).protocol
    found = step_relaxation.find_times(step_sums(rng, protocol, seeds, *pair), protocol.steps)
    truths = {"tau_up_ps": pair[0], "tau_down_ps": pair[1], "tau_down_over_up": pair[1] / pair[0]}
    none = [None] * 3
    return [
        holds(found.findings.get(f"mean cosine, {name}", none), truth)
        for name, truth in truths.items()
    ]


def lag_of(rng: Numbers, seeds: int, frequency: float) -> tuple[Any, Interval]:
    """A sine's state point, and the lag of water that follows it within 1.3 ps."""
    sample = min(0.1, 25 / frequency)
    recording = {"sample_interval_ps": sample}
    keys = {"frequency_GHz": frequency, "cycles": 1, "recording": recording}
    point = tiny_point("sine", **keys)

    def mean(field: Any, step: float) -> Any:
        return relaxing(field, step, 1.3)

    sums = phase_sums(rng, point.protocol, seeds, mean, shift=0.02)
    return point, lag(sums, point.protocol.cycle, sample)


def lagging(rng: Numbers, seeds: int, frequency: float) -> bool | None:
    """Lag of water that follows a sine within 1.3 ps."""
    return holds(lag_of(rng, seeds, frequency)[1], 1.3)


def false_memory(rng: Numbers, seeds: int, frequency: float) -> bool:
    """The claim that order lags by more than the time of steps, where both are 1.3 ps."""
    point, found = lag_of(rng, seeds, frequency)
    content = Content(pd.DataFrame(), Figure(), {"lag_ps": found.triple()})
    steps = some_steps(rng, seeds, 1.3, 1.3)
    made = made_of("water_order", point, content, seeds, step_relaxation=steps)
    return water.beyond_lag(made).code is Verdict.AGREES


def train(rng: Numbers, seeds: int, last: float) -> list[bool | None]:
    """Currents of two later pulses of a train over the first one's, and its change of width."""
    return [holds(triple, truth) for truth, triple in train_intervals(rng, seeds, last)]


#: Name, varied parameter, its values, estimator, fraction of the repeats.
CASES: tuple[tuple[str, str, tuple[Any, ...], Callable[..., Any], float], ...] = (
    (
        "mean current of a branch",
        "crossings expected",
        (0.0, 0.1, 0.5, 1.0, 3.0, 10.0, 20.0, 30.0, 60.0, 100.0, 300.0),
        current,
        1.0,
    ),
    ("NDR found where none is", "crossings a bin", (0.1, 0.5, 3.0, 30.0), false_ndr, 0.5),
    ("I1/I0, where given", "errors of I0", (2.0, 3.0, 5.0, 15.0), ratio, 5.0),
    ("tau up, tau down, ratio", "tau (ps)", ((0.9, 3.4), (1.6, 2.9), (1.3, 1.3)), times, 0.5),
    ("lag of 1.3 ps", "frequency (GHz)", (125.0, 5.0, 0.2), lagging, 0.5),
    (
        "mean current, rates of seeds differ by 30 %",
        "crossings expected",
        (3.0, 10.0, 20.0, 60.0, 300.0),
        partial(current, spread=0.3),
        1.0,
    ),
    ("area of no loop", "crossings a bin", (0.0, 0.1, 0.5, 3.0, 30.0), loop_area, 1.0),
    ("memory beyond lag, none is", "frequency (GHz)", (125.0, 5.0, 0.2), false_memory, 0.5),
    (
        "train, from records: I4/I0, I9/I0, change of mean cosine, of sigma_theta",
        "I9/I0",
        (4.0, 1.0, 0.2),
        train,
        0.5,
    ),
)


def campaign(names: list[str], repeats: int) -> Iterator[dict[str, Any]]:
    """Rates of the cases with these names; the random numbers are the same in every call."""
    for number, (name, varied, values, estimator, share) in enumerate(CASES):
        if name not in names:
            continue
        for place, value in enumerate(values):
            for seeds in SEEDS:
                rng = np.random.default_rng([number, place, seeds])
                found = [estimator(rng, seeds, value) for _ in range(round(repeats * share))]
                each = np.array(found, dtype=object).reshape(len(found), -1).T
                given = [[bool(one) for one in column if one is not None] for column in each]
                yield {
                    "what": name,
                    "varied": f"{varied}: {value}",
                    "seeds": seeds,
                    "repeats": len(found),
                    "given": [len(column) for column in given],
                    "rate": [float(np.mean(column)) if column else None for column in given],
                }


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown with a row for each case and a column for each number of seeds."""
    lines = ["| estimator | planted | " + " | ".join(f"{n} seeds" for n in SEEDS) + " |"]
    lines.append("|---" * (2 + len(SEEDS)) + "|")
    for first in range(0, len(rows), len(SEEDS)):
        group = rows[first : first + len(SEEDS)]
        cells = [", ".join("-" if r is None else f"{r:.3f}" for r in row["rate"]) for row in group]
        lines.append(f"| {group[0]['what']} | {group[0]['varied']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=400)
    names = [case[0] for case in CASES]
    parser.add_argument("--cases", nargs="+", choices=names, default=names)
    parser.add_argument("--table", action="store_true", help="print the last results")
    options = parser.parse_args()
    if not options.table:
        rows = list(campaign(options.cases, options.repeats))
        if RESULTS.exists():  # keep the cases that are not repeated
            kept = json.loads(RESULTS.read_text(encoding="utf-8"))["rows"]
            rows += [row for row in kept if row["what"] not in options.cases]
        rows.sort(key=lambda row: names.index(row["what"]))
        RESULTS.write_text(json.dumps({"rows": rows}, indent=1) + "\n", encoding="utf-8")
    print(table(json.loads(RESULTS.read_text(encoding="utf-8"))["rows"]))


if __name__ == "__main__":
    main()
