"""Count how often each finding of a study is significant, over runs with other seeds.

    python benchmarks/quick_repeats.py INTO --repeats 10
    python benchmarks/quick_repeats.py INTO --only-read --table docs/gallery/repeats.md

makes a data space in INTO/000, INTO/001 and so on, each with seeds of its own (`init.py
--seeds-from`), runs the jobs that are not done, and prints one line for each finding. After an
interruption it continues when it is started again. `--only-read` only reads finished data spaces.

The table also has the expected fraction, from Student's t with the mean distance from the reference
value in mean standard errors, as few repeats give only a rough count.
"""

import argparse
import math
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import signac
from scipy import stats

from januspore.analysis.statistics import shown, student
from januspore.report.collect import Made, products_made
from januspore.run.new import new_space
from januspore.space.study import load_study

STUDIES = Path(__file__).resolve().parent.parent / "studies"
#: Difference of the seeds of two repeats, larger than the number of seeds of a study.
SEEDS_APART = 100


@dataclass(frozen=True)
class Finding:
    """A number of a product, and its reference value.

    Attributes:
        name: name in words, with the unit.
        product: product that contains it.
        key: pattern of the finding.
        wide: whether it is for a pore that is not the paper's.
        null: the value that its interval must exclude; None: it must only have an interval.
        within: the half width that its interval must be below, in the unit of the number.
    """

    name: str
    product: str
    key: str
    wide: bool = False
    null: float | None = 0.0
    within: float = math.inf

    def read(self, made: list[Made]) -> tuple[list[float] | None, int]:
        """Return value, low and high, None where there is no such number, and the seeds.

        No seeds: the product itself was not made.
        """
        seeds = 0
        for m in made:
            if m.product == self.product and bool(m.departs) is self.wide:
                seeds = m.equilibrations
                for key, triple in m.findings.items():
                    if re.fullmatch(self.key, key) and None not in triple:
                        return [float(end) for end in triple], seeds
        return None, seeds

    def stands(self, triple: list[float] | None) -> bool:
        """Whether the number is significant: its interval excludes the reference value."""
        if triple is None or not np.isfinite(triple).all():
            return False
        narrow = (triple[2] - triple[1]) / 2 < self.within
        return narrow and (self.null is None or not triple[1] <= self.null <= triple[2])

    def expected(self, triples: list[list[float] | None], seeds: int) -> float:
        """Expected fraction of runs in which it is significant; NaN where it is not known.

        Where a width is asked for, that fraction follows from the chi distribution of the spread
        over seeds.

        Ratios of times, whose intervals are not symmetric, are treated by their logarithms.
        """
        known = np.array([triple for triple in triples if triple is not None])
        if self.within < math.inf and seeds > 1 and len(known):
            halves = (known[:, 2] - known[:, 1]) / 2
            return float(
                stats.chi2.cdf((seeds - 1) * self.within**2 / (halves**2).mean(), seeds - 1)
            )
        if self.null is None or seeds < 2 or not np.isfinite(known).all() or not len(known):
            return float("nan")
        null = self.null
        if self.product == "step_relaxation":
            known, null = np.log(known), np.log(null)
        away = np.abs(known[:, 0].mean() - null)
        t = student(seeds)
        error = (known[:, 2] - known[:, 1]).mean() / 2 / t
        return float(stats.nct.sf(t, seeds - 1, away / error))


FINDINGS = (
    Finding(
        "rise of the mean cosine with held field", "held_order", "rise of mean cosine.*, E > 0"
    ),
    Finding(
        "mean cosine left on the way back at equal field",
        "relaxation",
        "order_reverse_less_forward",
    ),
    Finding(
        "tau of ordering, ps, resolved", "step_relaxation", "mean cosine, tau_up_ps", null=None
    ),
    Finding(
        "tau of relaxing, ps, resolved", "step_relaxation", "mean cosine, tau_down_ps", null=None
    ),
    Finding(
        "tau of relaxing over tau of ordering, held against 1",
        "step_relaxation",
        "mean cosine, tau_down_over_up",
        null=1.0,
    ),
    Finding("steady conductance, nS", "steady_current", "total conductance_nS", wide=True),
    Finding("share of K+, has an interval", "steady_current", "K_share", wide=True, null=None),
    Finding("current of a first pulse, nA", "paired_pulse", "pore slab, I0_nA", wide=True),
    Finding(
        "I1/I0, has an interval", "paired_pulse", "pore slab, I1 over I0.*", wide=True, null=None
    ),
    Finding(
        "current of all pulses of a train, nA",
        "pulse_train",
        "pore slab, mean pulse current_nA",
        wide=True,
    ),
    Finding(
        "last pulse over first, has an interval",
        "pulse_train",
        "pore slab, last over first",
        wide=True,
        null=None,
    ),
    Finding(
        "conductance in phase with the sine, nS",
        "ie_curve",
        "pore slab, conductance_nS",
        wide=True,
    ),
    Finding("susceptance under the sine, nS", "ie_curve", "pore slab, susceptance_nS", wide=True),
    Finding("PMF of the held Cl- over its windows, kJ/mol", "barrier", "E = .*PMF from first.*"),
    Finding(
        "PMF of the held Cl-, known within 20 kJ/mol",
        "barrier",
        "E = .*PMF from first.*",
        null=None,
        within=20.0,
    ),
    Finding(
        "mean force on Cl- held at the metal plane, kJ/mol/nm", "barrier", "E = .*mean force at.*"
    ),
)


def main() -> None:
    """Run and read the repeats that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("into", type=Path, help="folder of the data spaces")
    parser.add_argument("--study", default="quick")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--only-read", action="store_true", help="read what is done, run nothing")
    parser.add_argument("--table", type=Path, help="write the table there as Markdown, too")
    options = parser.parse_args()
    if not options.only_read:
        for number in range(options.repeats):
            run(options.into / f"{number:03d}", options.study, number)
    rows = list(table(sorted(options.into.glob("[0-9]*")), options.study))
    text = "\n".join(markdown(rows)) + "\n"
    print(text, end="")
    if options.table:
        options.table.write_text(text, encoding="utf-8")


def run(space: Path, study: str, number: int) -> None:
    """Make a data space if it does not exist, and run the jobs that are not done."""
    if not space.exists():
        new_space(space)
    first = str(SEEDS_APART * (number + 1))
    quiet = {**os.environ, "JANUSPORE_QUIET": "1", "JANUSPORE_THREADS": "1"}
    for command in (
        ["init.py", "--study", study, "--seeds-from", first],
        ["project.py", "run", "--parallel"],
    ):
        subprocess.run([sys.executable, *command], cwd=space, env=quiet, check=True)


#: A finding, and for each repeat its triple, None where it does not exist, and its seeds.
Read = tuple[Finding, list[tuple[list[float] | None, int]]]


def table(spaces: list[Path], study: str) -> Iterator[Read]:
    """Read every finding of every data space.

    Only protocols as the study has them now are read: a data space may also hold an earlier form.
    """
    points = load_study(study, STUDIES).state_points()
    protocols = [point.protocol.model_dump(mode="json") for point in points]
    made = [
        [
            m
            for m in products_made(signac.get_project(str(space), search=False))
            if m.protocol in protocols
        ]
        for space in spaces
    ]
    for finding in FINDINGS:
        yield finding, [finding.read(one) for one in made]


def markdown(rows: list[Read]) -> Iterator[str]:
    """Lines of a table with a row per finding and a column per repeat; significant ones in bold.

    A repeat without the product has an empty cell and does not count.
    """
    repeats = len(rows[0][1])
    heads = ["finding", "stands", "expected", *(str(k + 1) for k in range(repeats))]
    yield f"| {' | '.join(heads)} |"
    yield "|---" * len(heads) + "|"
    for finding, read in rows:
        cells = []
        for triple, seeds in read:
            text = shown(triple) if triple is not None else "none" if seeds else ""
            cells.append(f"**{text}**" if finding.stands(triple) else text)
        triples = [triple for triple, seeds in read if seeds]
        stands = sum(map(finding.stands, triples))
        share = finding.expected(triples, max(seeds for _, seeds in read))
        counted = f"{stands} of {len(triples)}" if triples else ""
        expected = "" if np.isnan(share) else f"{share:.0%}"
        yield f"| {finding.name} | {counted} | {expected} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
