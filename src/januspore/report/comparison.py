"""The paper's statements and this data space's result for each."""

from dataclasses import dataclass, replace

from ..products import PRODUCTS
from ..protocols import names_with
from .claims import CLAIMS, Claim
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
    """Judge every claim by every ensemble that can judge it; name claims that none can.

    Only ensembles with the paper's membranes and conditions get verdicts; others follow with their
    numbers. Verdicts are those that remain after control of the false discovery rate over all.
    """
    rows = []
    for claim in CLAIMS:
        able = [m for m in made if claim.concerns(m)]
        found = [(m, claim.read(m), claim.is_said_of(m)) for m in able]
        judges = [(m, reading) for m, reading, why in found if not why]
        # One that has no result is told of only where none has: a staircase of one sign, say.
        known = [(m, reading) for m, reading in judges if reading.code is not Verdict.MISSING]
        rows += [_row(claim, claim.paper, m, reading) for m, reading in known or judges]
        if not judges:
            why = f"no {claim.product} of the paper's membrane and conditions made yet"
            absent = Reading("-", Verdict.MISSING, why, command=command_for(claim.product))
            rows.append(_row(claim, claim.paper, None, absent))
        rows += [
            _row(claim, "-", m, Reading(reading.value, Verdict.APART, why))
            for m, reading, why in found
            if why and reading.code is not Verdict.MISSING
        ]
    readings = controlled([row.reading for row in rows])
    return [replace(row, reading=kept) for row, kept in zip(rows, readings, strict=True)]


def _row(claim: Claim, paper: str, made: Made | None, reading: Reading) -> Row:
    head = claim.quantity, claim.panel, paper, claim.assumes
    if made is None:
        return Row(*head, "-", reading, "-")
    return Row(*head, made.name, reading, f"{made.provenance}; {made.conditions}", made)


def tested(rows: list[Row]) -> int:
    """Number of statements among which the false discovery rate is controlled."""
    return sum(row.reading.p is not None for row in rows)


def command_for(product: str) -> str:
    """Return the command that adds the jobs which a product needs, of the paper's conditions.

    `medium` has every protocol with a membrane, `validation` the bulk liquids.
    """
    needs = next(own.needs for own in PRODUCTS if own.name == product)
    study = "validation" if needs == "bulk" else "medium"
    return f"python init.py --study {study} --protocol {names_with(needs)[0]}"


@dataclass(frozen=True)
class Missing:
    """Statements that one reason leaves without any result, and the command that makes it."""

    why: str
    command: str
    rows: tuple[Row, ...]

    @property
    def panels(self) -> str:
        """Panels of the statements."""
        return ", ".join(dict.fromkeys(row.panel for row in self.rows))

    @property
    def quantities(self) -> list[str]:
        """The statements."""
        return list(dict.fromkeys(row.quantity for row in self.rows))


def missing(rows: list[Row]) -> list[Missing]:
    """Group the statements without a result by their reason."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row.reading.code is Verdict.MISSING:
            found.setdefault((row.reading.why, row.reading.command), []).append(row)
    return [Missing(*key, tuple(own)) for key, own in found.items()]
