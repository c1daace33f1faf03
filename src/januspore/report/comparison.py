"""The paper's statements beside this data space's readings of them, line by line."""

from dataclasses import dataclass, replace

from .claims import CLAIMS
from .collect import Made
from .judging import Reading, Verdict, controlled


@dataclass(frozen=True)
class Row:
    """One line of the comparison; `made` is what it was read from, None where that is missing."""

    quantity: str
    panel: str
    paper: str
    assumes: str
    membrane: str
    reading: Reading
    source: str
    made: Made | None = None


def comparison(made: list[Made]) -> list[Row]:
    """Judge every claim by every ensemble that can, and say where none can.

    Verdicts are those left by the control of the false discovery rate over all of them.
    """
    rows = []
    for claim in CLAIMS:
        head = claim.quantity, claim.panel, claim.paper, claim.assumes
        judges = [m for m in made if claim.concerns(m)]
        rows += [
            Row(*head, m.charges, claim.read(m), f"{m.provenance}; {m.conditions}", m)
            for m in judges
        ]
        if not judges:
            nothing = Reading("-", Verdict.MISSING, f"no {claim.product} made yet")
            rows.append(Row(*head, "-", nothing, "-"))
    readings = controlled([row.reading for row in rows])
    return [replace(row, reading=kept) for row, kept in zip(rows, readings, strict=True)]


def tested(rows: list[Row]) -> int:
    """Number of statements among which the false discovery rate is controlled."""
    return sum(row.reading.p is not None for row in rows)
