"""How often each finding of a study stands outside its interval, over runs with other seeds.

    python benchmarks/quick_repeats.py INTO --repeats 10
    python benchmarks/quick_repeats.py INTO --only-read --table docs/gallery/repeats.md

makes a data space in INTO/000, INTO/001 and so on, each with seeds of its own (`init.py
--seeds-from`), runs what is not done in it, and prints one line a finding. Stopped, it goes on when
it is typed again. `--only-read` reads what is done.

Beside what was counted stands what is expected of such runs: Student's t, off centre by the mean
distance from what is held against, in mean standard errors. It is all that few repeats can tell.
"""

import argparse
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

#: Seeds of two repeats are so far apart; seeds of one study are fewer.
SEEDS_APART = 100


@dataclass(frozen=True)
class Finding:
    """A number of a product, and what it is held against.

    Attributes:
        name: in words, with the unit.
        product: that has it.
        key: pattern of the finding.
        wide: whether it is of a pore that is not the paper's.
        null: the value that its interval must exclude; None: it must have an interval.
    """

    name: str
    product: str
    key: str
    wide: bool = False
    null: float | None = 0.0

    def read(self, made: list[Made]) -> tuple[list[float] | None, int]:
        """Return value, low and high, None where there is no such number, and the seeds."""
        for m in made:
            if m.product == self.product and bool(m.departs) is self.wide:
                for key, triple in m.findings.items():
                    if re.fullmatch(self.key, key) and None not in triple:
                        return [float(end) for end in triple], m.equilibrations
        return None, 0

    def stands(self, triple: list[float] | None) -> bool:
        """Whether the number stands outside its interval."""
        if triple is None or not np.isfinite(triple).all():
            return False
        return self.null is None or not triple[1] <= self.null <= triple[2]

    def expected(self, triples: list[list[float] | None], seeds: int) -> float:
        """Share of runs in which it stands outside its interval; NaN where nothing tells.

        Ratios of times, whose interval is not symmetric, are taken by their logs.
        """
        known = np.array([triple for triple in triples if triple is not None])
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
    Finding("PMF of the held Cl- over its windows, kJ/mol", "barrier", "E = .*PMF from first.*"),
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
    rows = list(table(sorted(options.into.glob("[0-9]*"))))
    text = "\n".join(markdown(rows)) + "\n"
    print(text, end="")
    if options.table:
        options.table.write_text(text, encoding="utf-8")


def run(space: Path, study: str, number: int) -> None:
    """Make a data space, if there is none, and run what is not done in it."""
    if not space.exists():
        new_space(space)
    first = str(SEEDS_APART * (number + 1))
    quiet = {**os.environ, "JANUSPORE_QUIET": "1", "JANUSPORE_THREADS": "1"}
    for command in (
        ["init.py", "--study", study, "--seeds-from", first],
        ["project.py", "run", "--parallel"],
    ):
        subprocess.run([sys.executable, *command], cwd=space, env=quiet, check=True)


def table(spaces: list[Path]) -> Iterator[tuple[Finding, list[list[float] | None], int]]:
    """Read every finding of every data space, None where it is not there, and its seeds."""
    made = [products_made(signac.get_project(str(space), search=False)) for space in spaces]
    for finding in FINDINGS:
        triples, seeds = zip(*(finding.read(one) for one in made), strict=True)
        yield finding, list(triples), max(seeds)


def markdown(rows: list[tuple[Finding, list[list[float] | None], int]]) -> Iterator[str]:
    """Lines of a table: a row a finding, a column a repeat; bold: outside its interval."""
    repeats = len(rows[0][1])
    heads = ["finding", "stands", "expected", *(str(k + 1) for k in range(repeats))]
    yield f"| {' | '.join(heads)} |"
    yield "|---" * len(heads) + "|"
    for finding, triples, seeds in rows:
        cells = []
        for triple in triples:
            text = "-" if triple is None else shown(triple)
            cells.append(f"**{text}**" if finding.stands(triple) else text)
        stands = sum(map(finding.stands, triples))
        share = finding.expected(triples, seeds)
        expected = "-" if np.isnan(share) else f"{share:.0%}"
        yield f"| {finding.name} | {stands} of {repeats} | {expected} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
