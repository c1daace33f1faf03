"""The summary: one screen of what was asked, what was found, and what is still open.

A finding is a statement of the paper with a verdict, or a number that the paper does not give; each
is one sentence with its interval. Open statements are listed by panel with the first reason, as one
cause (no ion passed) leaves many statements open at once.
"""

import re
import textwrap
from collections.abc import Iterable
from itertools import groupby

import signac

from ..analysis.statistics import shown
from ..materials import ION_CHARGES, label_of
from ..space.paper import short_name
from .collect import Made, products_made, progress
from .comparison import Missing, Row, comparison, missing
from .judging import Verdict

_CATIONS = "|".join(ion for ion, charge in ION_CHARGES.items() if charge > 0)
#: Numbers that no statement of the paper is about: product, pattern of the finding, description,
#: unit. The groups of the pattern are put into the description. The first number of each product
#: comes first, as a report's first screen has room for few. {ion} is the held ion of a barrier.
NUMBERS = (
    ("steady_current", "total conductance_nS", "steady conductance", "nS"),
    ("paired_pulse", "pore slab, I0_nA", "current of a first pulse", "nA"),
    (
        "barrier",
        r"E = (.*) V/nm, PMF from first to last window \(kJ/mol\)",
        "PMF of the held {ion} at {} V/nm",
        "kJ/mol",
    ),
    (
        "ie_curve",
        "pore slab, conductance_nS",
        "in-phase conductance",
        "nS",
    ),
    ("pulse_train", "pore slab, mean pulse current_nA", "current of a train's pulses", "nA"),
    ("pulse_train", "pore slab, last over first", "last pulse of a train over the first", ""),
    ("step_relaxation", "mean cosine, tau_up_ps", "the pore's water orders within", "ps"),
    ("step_relaxation", "mean cosine, tau_down_ps", "the pore's water relaxes within", "ps"),
    ("steady_current", f"({_CATIONS})_share", "share of {}+ in the steady current", ""),
    ("paired_pulse", "pore slab, I1 over I0 after (.*) ps", "I1/I0 after {} ps", ""),
    (
        "barrier",
        r"E = (.*) V/nm, mean force at the metal plane \(kJ/mol/nm\)",
        "mean force on the {ion} held at the metal plane, {} V/nm",
        "kJ/mol/nm",
    ),
    ("relaxation", "order_reverse_less_forward", "order left at equal held field, mean cosine", ""),
)
#: Columns of a terminal, and indentation of a sentence's further lines.
WIDTH, INDENT = 100, 6


def summary(project: signac.Project) -> list[str]:
    """Return the lines of the summary, at most `WIDTH` wide.

    Args:
        project: a data space with jobs.
    """
    made = products_made(project)
    rows = comparison(made)
    figures = sum(1 for m in made if m.figure.exists())
    return [
        *_asked(project, made),
        *_section("Found", found(made, rows)),
        *_section("Open", _open(rows)),
        *_how_to_decide(rows),
        "",
        f"{figures} figures, with their tables, in results/<product>/<ensemble>/",
        "On one page: python -m januspore report. Every number: python -m januspore summary --all",
    ]


def _section(title: str, sentences: list[str]) -> list[str]:
    if not sentences:
        return []
    lines = ["", title]
    for sentence in sentences:
        lines += textwrap.wrap(sentence, WIDTH, initial_indent="  ", subsequent_indent=" " * INDENT)
    return lines


def _asked(project: signac.Project, made: list[Made]) -> list[str]:
    stages = progress(project)
    jobs, done = sum(total for *_, total in stages), sum(ready for _, ready, _ in stages)
    kinds = ", ".join(f"{name} {total}" for name, _, total in stages)
    names = dict.fromkeys(
        short_name(m.charge_sets[0], m.given) for m in made if len(m.charge_sets) == 1
    )
    lines = textwrap.wrap(f"{jobs} jobs, {done} analysed: {kinds}", WIDTH)
    if names:
        lines += textwrap.wrap(f"Membranes: {', '.join(names)}", WIDTH)
    if done < jobs:
        lines.append("Not all is done: python project.py run goes on.")
    return lines


def found(made: list[Made], rows: list[Row]) -> list[str]:
    """Return a sentence for each statement with a verdict and each other significant number.

    Args:
        made: its products.
        rows: their comparison with the paper.
    """
    return _decided(rows) + _own(made)


def _decided(rows: list[Row]) -> list[str]:
    """Statements with a verdict, each with all membranes that give the same verdict."""
    decided = [(row, row.made) for row in rows if row.reading.decides and row.made is not None]
    sentences = []
    for (quantity, panel, code), group in groupby(
        decided, lambda pair: (pair[0].quantity, pair[0].panel, pair[0].reading.code)
    ):
        values = "; ".join(f"{made.name} {row.reading.value}" for row, made in group)
        sentences.append(f"{code}: {quantity} ({panel}): {values}")
    return sentences


def _own(made: list[Made]) -> list[str]:
    """Numbers that differ from 0 and that no statement of the paper is about."""
    sentences = []
    for product, pattern, words, unit in NUMBERS:
        for m in made:
            for key, triple in m.findings.items() if m.product == product else ():
                match = re.fullmatch(pattern, key)
                if match and None not in triple and (triple[1] > 0 or triple[2] < 0):
                    ion = label_of(m.protocol.get("ion", "ion"))
                    named = words.format(*match.groups(), ion=ion)
                    told = f"{named}: {m.name} {shown(triple)} {unit}".rstrip()
                    warned = "; mind the caution in the report" if m.findings.get("caution") else ""
                    sentences.append(told + warned)
    return sentences


def _open(rows: list[Row]) -> list[str]:
    """Statements that the data leave open, by panel, then those without data, by reason."""
    undecided = [row for row in rows if row.reading.code is Verdict.OPEN]
    sentences = []
    for panel, group in groupby(undecided, lambda row: row.panel):
        members = list(group)
        names = _listed({row.quantity for row in members})
        reasons = _listed({row.reading.why for row in members if row.reading.why}, most=1)
        word = "not enough data"
        judged = dict.fromkeys(row.made.name for row in members if row.made is not None)
        if len(judged) > 1:
            word += f" of {_listed(judged)}"
        sentences.append(f"{panel}, {word}: {names}" + (f" ({reasons})" if reasons else ""))
    return sentences + _not_measured(rows)


def _not_measured(rows: list[Row]) -> list[str]:
    """A sentence for each command that makes what is missing, and for each reason without one."""
    groups: dict[str, list[Missing]] = {}
    for one in missing(rows):
        groups.setdefault(one.command or one.why, []).append(one)
    sentences = []
    for how, group in groups.items():
        panels = ", ".join(one.panels for one in group)
        count = sum(len(one.rows) for one in group)
        sentences.append(f"{panels}, not measured, {count} statement{'s' * (count != 1)}: {how}")
    return sentences


def _how_to_decide(rows: list[Row]) -> list[str]:
    needing = [row for row in rows if row.reading.needs is not None and not row.reading.decides]
    if not needing:
        return []
    return [
        f"  More seeds would decide {len(needing)} of them; what they cost: "
        "python init.py --decide --dry-run"
    ]


def _listed(items: Iterable[str], most: int = 3) -> str:
    ordered = sorted(items)
    more = len(ordered) - most
    return "; ".join(ordered[:most]) + (f"; and {more} more" if more > 0 else "")
