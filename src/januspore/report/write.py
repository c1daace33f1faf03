"""Writing the report: `results/report.html`, self-contained, and the same as Markdown."""

import base64
import shutil
import sys
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

import jinja2
import signac

from ..errors import InputError
from ..files import written_aside
from ..materials import NO_MEMBRANE
from ..model.dipole import sheet_potential
from ..products import PRODUCTS
from ..products.drawing import DPI, FORMATS, save, why_empty
from ..products.results import results as job_table
from ..products.sweep_kept import Kept, kept_sweeps
from ..space import provenance
from ..space.paper import MEMBRANES, in_words
from ..space.paper import PANELS as PANELS_BY_MEMBRANE
from .charging import sentences
from .collect import Made, products_made, progress
from .comparison import Row, command_for, comparison, missing, tested
from .judging import Verdict
from .panels import PANELS as FIGURES
from .summary import found

#: Most sentences on the first screen.
SENTENCES = 5
#: Rows that are told beside the table of claims, not in it.
_ASIDE = (Verdict.MISSING, Verdict.APART)


def write_report(
    project: signac.Project, output: Path | None = None, figures: str = FORMATS[0]
) -> list[Path]:
    """Write the report of all finished products.

    Args:
        project: the data space.
        output: a folder for the report, every product's CSV, JSON and PNG, and the table of jobs,
            but no trajectory. Without it the report is written to `results/`.
        figures: one of `FORMATS`. The report shows PNG; figures of another format, drawn again
            from the analyses, go beside it.

    Returns:
        Paths of the report's files, and of figures drawn again.

    Raises:
        InputError: a file has the folder's name.
        OSError: the disk is full or read-only; an older report stays.
    """
    made, sweeps = products_made(project), kept_sweeps(project)
    for stale in (m for m in made if m.stale):
        print(f"note: {stale.figure.parent}: {stale.stale}", file=sys.stderr)
    results = Path(project.path, "results")
    for one in sweeps:
        if one.stale:
            print(f"note: {one.figure}: {one.stale}", file=sys.stderr)
    folder = output or results
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--output = {folder}: a file is there; it must be a folder, or nothing")
    folder.mkdir(parents=True, exist_ok=True)
    if output is not None:
        _copy_products(made, sweeps, results, output)
        with written_aside(output / "jobs.csv") as aside:
            job_table(project).to_csv(aside, index=False)
    rows, drawn = comparison(made), [m for m in made if not m.without_figure]
    content = {
        "shows": found(made, rows)[:SENTENCES],
        "groups": _grouped([row for row in rows if row.reading.code not in _ASIDE]),
        "missing": missing(rows),
        "apart": [row for row in rows if row.reading.code is Verdict.APART],
        # The source of a number is long and shared by many lines, hence footnotes.
        "sources": _numbered(row.source for row in rows if row.made is not None),
        "tested": tested(rows),
        "panels": [(panel, *shown) for panel in FIGURES if any(shown := panel.split(drawn))],
        "not_drawn": _not_drawn(made),
        "sweeps": sweeps,
        "progress": progress(project),
        "membranes": _membranes(made),
        "charging": sentences(made),
        "code": provenance.code(),
    }
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("januspore.report"),
        autoescape=jinja2.select_autoescape(["html.j2"]),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["embedded"] = _embedded
    environment.filters["css_width"] = _css_width
    environment.filters["beside"] = lambda path: Path(path).relative_to(results).as_posix()
    # A vertical bar would end the cell of a Markdown table.
    environment.filters["cell"] = lambda text: str(text).replace("|", "\\|")
    paths = []
    for kind in ("html", "md"):
        text = environment.get_template(f"report.{kind}.j2").render(content)
        path = folder / f"report.{kind}"
        with written_aside(path) as aside:
            aside.write_text(text, encoding="utf-8")
        paths.append(path)
    if figures != FORMATS[0]:
        paths += _drawn_again(project, results, folder, figures)
    return paths


def _drawn_again(project: signac.Project, results: Path, folder: Path, kind: str) -> list[Path]:
    """Draw the figures of all products that are made in another format."""
    paths = []
    for product in PRODUCTS:
        for jobs in product.groups(project):
            if product.is_made(*jobs):
                path = folder / product.path(jobs[0], kind).relative_to(results)
                figure = product.content(jobs)[1].figure
                if why_empty(figure):
                    continue
                with written_aside(path) as aside:
                    save(figure, aside, kind)
                paths.append(path)
    return paths


def _copy_products(made: list[Made], sweeps: list[Kept], results: Path, output: Path) -> None:
    not_drawn = {m.figure for m in made if m.without_figure}
    for figure in (one.figure for each in (made, sweeps) for one in each):
        for kind in (".csv", ".json") if figure in not_drawn else (".csv", ".json", ".png"):
            source = figure.with_suffix(kind)
            target = output / source.relative_to(results)
            target.parent.mkdir(parents=True, exist_ok=True)
            with written_aside(target) as aside:
                shutil.copyfile(source, aside)


def _not_drawn(made: list[Made]) -> list[str]:
    """Why panels of the paper, and products that are made, have no figure: a line each."""
    absent = [panel for panel in FIGURES if not panel.found(made)]
    lines = [
        f"{panel.label}: no {' or '.join(panel.products)} made yet: "
        f"{command_for(panel.products[0])}"
        for panel in absent
    ]
    empty = [m for m in made if m.without_figure]
    return lines + [f"{m.product} of {m.label}: {m.without_figure}" for m in empty]


def _numbered(texts: Iterable[str]) -> dict[str, int]:
    return {text: number for number, text in enumerate(dict.fromkeys(texts), start=1)}


def _grouped(rows: list[Row]) -> list[list[Row]]:
    """Group the rows of one statement, whose cells span them."""
    return [
        list(group) for _, group in groupby(rows, lambda row: (row.quantity, row.panel, row.paper))
    ]


def _membranes(made: list[Made]) -> list[tuple[str, str, str, str]]:
    """(membrane, panel, potential, verdict) of the paper's five membranes, then of any other."""
    verdicts: dict[str, list[str]] = {}
    for m in made:
        if m.product == "ndr":
            told = f"{m.told}: " if m.told else ""
            verdicts.setdefault(in_words(m.charge_sets[0]), []).append(
                f"{told}{m.findings['verdict']}"
            )
    sets = [own for m in made for own in m.charge_sets if own["material"] != NO_MEMBRANE]
    charges = {in_words(own): own for own in sets}
    named = {in_words(own): name for name, own in MEMBRANES.items()}
    given = {in_words(m.charge_sets[0]): m.given for m in made if len(m.charge_sets) == 1}
    charges = {words: MEMBRANES[name] for words, name in named.items()} | charges
    rows = []
    for words, own in charges.items():
        name = named.get(words) or given.get(words, "")
        potential = ", ".join(f"{plane} {v:+.1f}" for plane, v in sheet_potential(own).items())
        verdict = "; ".join(verdicts.get(words, ["not measured"]))
        label = f"{name}: {words}" if name else words
        rows.append((label, PANELS_BY_MEMBRANE.get(name, "-"), potential, verdict))
    return rows


def _css_width(path: Path) -> int:
    """Width on the page, px, at which the text of all figures has the same size."""
    pixels = int.from_bytes(path.read_bytes()[16:20], "big")  # the width in a PNG's header
    return round(pixels / DPI * 96)


def _embedded(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
