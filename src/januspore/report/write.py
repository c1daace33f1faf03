"""The page: `results/report.html`, self-contained, and the same as Markdown."""

import base64
from dataclasses import dataclass
from pathlib import Path

import jinja2
import signac

from .. import provenance
from ..files import written_aside
from ..paper import MEMBRANES
from .claims import CLAIMS, PANELS, Reading
from .collect import Made, products_made, progress


@dataclass(frozen=True)
class Row:
    """One line of the comparison."""

    quantity: str
    panel: str
    paper: str
    membrane: str
    reading: Reading
    source: str


def write_report(project: signac.Project) -> list[Path]:
    """Write the report of whatever is finished; returns the paths of its files."""
    made = products_made(project)
    results = Path(project.path, "results")
    results.mkdir(exist_ok=True)
    content = {
        "rows": comparison(made),
        "figures": [(PANELS.get(m.product, ""), m) for m in made],
        "progress": progress(project),
        "membranes": _membranes(made),
        "charging": _charging(made),
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
    environment.filters["beside"] = lambda path: Path(path).relative_to(results).as_posix()
    paths = []
    for kind in ("html", "md"):
        text = environment.get_template(f"report.{kind}.j2").render(content)
        path = results / f"report.{kind}"
        with written_aside(path) as aside:
            aside.write_text(text, encoding="utf-8")
        paths.append(path)
    return paths


def comparison(made: list[Made]) -> list[Row]:
    """Judge every claim by every ensemble that can, and say where none can."""
    rows = []
    for claim in CLAIMS:
        judges = [m for m in made if claim.concerns(m)]
        for m in judges:
            reading, source = claim.read(m), f"{m.provenance}; {m.conditions}"
            rows.append(Row(claim.quantity, claim.panel, claim.paper, m.charges, reading, source))
        if not judges:
            nothing = Reading("-", f"missing: no {claim.product} made yet")
            rows.append(Row(claim.quantity, claim.panel, claim.paper, "-", nothing, "-"))
    return rows


def _membranes(made: list[Made]) -> list[tuple[str, str]]:
    """What each of the paper's five membranes shows (Fig. 4: NDR and hysteresis persist)."""
    verdicts = []
    for name, charges in MEMBRANES.items():
        found = [m for m in made if m.product == "ndr" and m.charge_sets == (charges,)]
        verdicts.append((name, str(found[0].findings["verdict"]) if found else "missing"))
    return verdicts


def _charging(made: list[Made]) -> list[tuple[str, str]]:
    """Which curves the charging of the reservoirs alone could make."""
    return [
        (f"{PANELS[m.product]}, {m.charges}", str(m.findings["verdict"]))
        for m in made
        if m.product in ("ndr", "paired_pulse", "pulse_train")
    ]


def _embedded(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
