"""The paper's statements, and the number of this data space that judges each."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pandas as pd

from ..analysis.cycle import SIGNS
from ..analysis.statistics import p_value
from ..space.paper import MEMBRANES, name_of
from . import water
from .collect import Made
from .judging import (
    Reading,
    Triple,
    Verdict,
    judge_sign,
    judge_value,
)


@dataclass(frozen=True)
class Claim:
    """A statement of the paper: its panel, its text, and the product that judges it here.

    `mode` is a pulse protocol's mode or a barrier's ion; empty: any. `membranes` are the paper's
    names of the charge sets that the statement is about. `assumes` are the assumptions of the
    verdict, in one line of the report.
    """

    quantity: str
    panel: str
    paper: str
    product: str
    read: Callable[[Made], Reading]
    mode: str = ""
    membranes: tuple[str, ...] = ("MoSSe",)
    assumes: str = ""

    def concerns(self, made: Made) -> bool:
        """Whether a product can judge this claim."""
        modes = ("", made.protocol.get("mode"), made.protocol.get("ion"))
        return made.product == self.product and self.mode in modes

    def is_said_of(self, made: Made) -> str:
        """Return why the statement does not apply to a product; empty if it does."""
        if name_of(made.charge_sets[0]) not in self.membranes:
            of = "its five membranes" if len(self.membranes) > 1 else f"{self.membranes[0]} alone"
            return f"said of {of}"
        return made.departs


_NDR_ASSUMES = (
    "that crossings are independent; a fall below a quarter of the largest current counts as none"
)
_LOOP_ASSUMES = "that crossings are independent, and that the pore slab's current holds no charging"
_PINCH_ASSUMES = (
    "a current that is straight on either side of E = 0; below a quarter counts as none"
)
_PULSE_ASSUMES = "one exponential in the delay, and the same first pulse before every delay"
_TRAIN_ASSUMES = "only that crossings are independent: the last pulse is held against the first"


def _onset(sign: str, paper: float) -> Callable[[Made], Reading]:
    def read(made: Made) -> Reading:
        table = made.table
        rows = table[
            (table.estimator == "pore slab")
            & (table.species == "total")
            & (table.branch == "forward")
            & (table.sign == sign)
            & (table.quantity == "peak field")
        ]
        row = rows.iloc[0]
        name = f"pore slab, {SIGNS[sign]}, forward"
        outcome, p = made.findings["codes"][name], made.findings["p"][name]
        if outcome != "found":
            excluded = Verdict.DISAGREES if outcome == "excluded" else Verdict.OPEN
            return Reading("none found", excluded, row.statement, p)
        there = judge_value([row.value, row.low, row.high], paper, "V/nm", made.equilibrations)
        # The statement combines two: there is NDR, and its onset is at the paper's field.
        return there if there.p is None else replace(there, p=max(p, there.p))

    return read


def _loop(sign: str) -> Callable[[Made], Reading]:
    def read(made: Made) -> Reading:
        area = made.findings[f"pore slab, E {sign} 0, loop area (nA V/nm)"]
        return judge_sign(area, "nA V/nm", made.equilibrations)

    return read


def _pinched(made: Made) -> Reading:
    outcome = made.findings["codes"]["pore slab, at E = 0"]
    verdict = {"pinched": Verdict.AGREES, "not pinched": Verdict.DISAGREES}
    return Reading(
        str(made.findings["pore slab, at E = 0"]),
        verdict.get(outcome, Verdict.OPEN),
        p=made.findings["p"]["pore slab, at E = 0"],
    )


def _pulse_tau(paper: float) -> Callable[[Made], Reading]:
    def read(made: Made) -> Reading:
        triple = made.findings.get("pore slab tau_ps")
        if triple is None:
            return Reading("no fit", Verdict.OPEN, str(made.findings["pore slab"]))
        return judge_value(triple, paper, "ps", made.equilibrations)

    return read


def _train(word: str) -> Callable[[Made], Reading]:
    def read(made: Made) -> Reading:
        code, other = made.findings["codes"]["pore slab"], {"facilitation", "depression"} - {word}
        verdict = Verdict.AGREES if code == word else Verdict.OPEN
        verdict = Verdict.DISAGREES if code in other else verdict
        ratio = made.findings.get("pore slab, last over first")
        p = None
        if ratio is not None and None not in ratio:
            p = p_value(ratio, 1.0, made.equilibrations)
        return Reading(str(made.findings["pore slab"]), verdict, p=p)

    return read


#: Table 1: the Cl- barrier and its parts by field in V/nm, kJ/mol.
_TABLE_1 = {
    0.3: {"water_vdw": 3.1, "water_electrostatic": 98.7, "membrane": -75.52, "total": 19.3},
    0.5: {"water_vdw": 4.3, "water_electrostatic": 108.8, "membrane": -78.35, "total": 24.0},
    0.7: {"water_vdw": 5.0, "water_electrostatic": 126.2, "membrane": -76.9, "total": 39.5},
}
#: What holds an ion at every field of Table 1.
HOLDS_ALL = "python init.py --study paper --protocol barrier"
_BARRIER_ASSUMES = (
    "that what lags behind the held ion from window to window is gone after settle_ps, and that "
    "equilibrations are independent"
)
_PART = {
    "water_vdw": "water's van der Waals part",
    "water_electrostatic": "water's electrostatic part",
    "membrane": "membrane's part",
    "total": "total",
}


def _triple(row: pd.Series) -> Triple:
    return [None if pd.isna(row[name]) else float(row[name]) for name in ("value", "low", "high")]


def _barrier(field: float, part: str, paper: float) -> Callable[[Made], Reading]:
    def read(made: Made) -> Reading:
        table = made.table
        rows = table[(table.quantity == "barrier") & (table.profile == "whole")]
        rows = rows[(rows.field_V_per_nm - field).abs() < 1e-6]
        if rows.empty:
            return Reading("-", Verdict.MISSING, "this field was not held", command=HOLDS_ALL)
        own = rows[(rows.part == part) & rows.value.notna()]
        if len(own):
            return judge_value(_triple(own.iloc[0]), paper, "kJ/mol", made.equilibrations)
        total = rows[rows.part == "total"].iloc[0]
        if pd.isna(total.high):
            return Reading("no value", Verdict.OPEN, total.statement)
        if part != "total":  # an interval of the whole barrier gives none of a part
            return Reading(total.statement, Verdict.OPEN, "no barrier resolved to take apart")
        return _judge_range(total, paper, made.equilibrations)

    return read


def _judge_range(total: pd.Series, paper: float, seeds: int) -> Reading:
    """Judge a height without a value: its interval can only exclude the paper's value."""
    # As no value is known, p is that of the interval's end farther from the paper's value.
    far = total.low if paper > total.high else total.high
    p = p_value((far, total.low, total.high), paper, seeds) if seeds > 1 else None
    if total.low <= paper <= total.high:
        return Reading(total.statement, Verdict.OPEN, "no value of the barrier", p)
    return Reading(total.statement, Verdict.DISAGREES, p=p)


def _rises(part: str) -> Callable[[Made], Reading]:
    def read(made: Made) -> Reading:
        table = made.table
        slopes = table[(table.quantity == "slope") & (table.part == part)]
        # Between each field's own minimum and maximum, as in the paper, if they were found.
        for way in ("own way", "common way"):
            rows = slopes[slopes.profile == f"E > 0, {way}"]
            if len(rows):
                triple = _triple(rows.iloc[0])
                found = judge_sign(triple, "kJ/mol per V/nm", made.equilibrations)
                return replace(found, value=f"{found.value}, {way}")
        return Reading("no value", Verdict.OPEN, "fewer than two fields of E > 0")

    return read


def _cautious(read: Callable[[Made], Reading]) -> Callable[[Made], Reading]:
    """Withhold a verdict from intervals that the product itself calls too narrow."""

    def withheld(made: Made) -> Reading:
        reading, caution = read(made), made.findings.get("caution")
        return (
            Reading(reading.value, Verdict.OPEN, caution)
            if caution and reading.decides
            else reading
        )

    return withheld


CLAIMS = (
    Claim(
        "NDR onset, E > 0", "Fig. 1B", "+0.5 V/nm", "ndr", _onset("+", 0.5), assumes=_NDR_ASSUMES
    ),
    Claim(
        "NDR onset, E < 0", "Fig. 1B", "-1.0 V/nm", "ndr", _onset("-", 1.0), assumes=_NDR_ASSUMES
    ),
    Claim(
        "reverse current below forward, E > 0",
        "Fig. 1B",
        "yes",
        "ndr",
        _loop(">"),
        membranes=tuple(MEMBRANES),
        assumes=_LOOP_ASSUMES,
    ),
    Claim(
        "reverse current below forward, E < 0",
        "Fig. 1B",
        "yes",
        "ndr",
        _loop("<"),
        membranes=tuple(MEMBRANES),
        assumes=_LOOP_ASSUMES,
    ),
    Claim("loop pinched at E = 0", "Fig. 1B", "yes", "ndr", _pinched, assumes=_PINCH_ASSUMES),
    *(
        Claim(
            f"water order rises with {field}, {side}",
            "Fig. 2C",
            "sigma_theta falls",
            product,
            water.rises(side),
            assumes=water.RISES_ASSUMES,
        )
        for field, product in (("field", "water_order"), ("held field", "held_order"))
        for side in ("E > 0", "E < 0")
    ),
    Claim(
        "water order under the sine, reverse above forward beyond lag",
        "Fig. 2C",
        "reverse narrower",
        "water_order",
        water.beyond_lag,
        assumes=water.LAG_ASSUMES,
    ),
    Claim(
        "water order at equal held field, reverse above forward",
        "Figs 2C, 3",
        "reverse narrower",
        "relaxation",
        water.held,
        assumes=water.HELD_ASSUMES,
    ),
    Claim(
        "tau reverse over forward, repeated steps",
        "Figs 2D, 3",
        "above 1",
        "step_relaxation",
        water.slower("tau_down_over_up"),
        assumes=water.TAU_ASSUMES,
    ),
    Claim(
        "tau reverse over forward, staircase",
        "Figs 2D, 3",
        "above 1",
        "relaxation",
        water.slower("tau_reverse_over_forward"),
        assumes=water.TAU_ASSUMES,
    ),
    Claim(
        "facilitation, tau_f",
        "Fig. 5A",
        "8 ps",
        "paired_pulse",
        _pulse_tau(8.0),
        "facilitation",
        assumes=_PULSE_ASSUMES,
    ),
    Claim(
        "depression, tau_d",
        "Fig. 5A",
        "7.5 ps",
        "paired_pulse",
        _pulse_tau(7.5),
        "depression",
        assumes=_PULSE_ASSUMES,
    ),
    Claim(
        "train: facilitation",
        "Fig. 5B",
        "saturates near 4",
        "pulse_train",
        _train("facilitation"),
        "facilitation",
        assumes=_TRAIN_ASSUMES,
    ),
    Claim(
        "train: depression",
        "Fig. 5B",
        "decays to about 0",
        "pulse_train",
        _train("depression"),
        "depression",
        assumes=_TRAIN_ASSUMES,
    ),
    *(
        Claim(
            f"Cl- barrier at {field:g} V/nm, {_PART[part]}",
            "Table 1",
            f"{value:g} kJ/mol",
            "barrier",
            _cautious(_barrier(field, part, value)),
            mode="Cl",
            assumes=_BARRIER_ASSUMES,
        )
        for field, parts in _TABLE_1.items()
        for part, value in parts.items()
    ),
    *(
        Claim(
            f"{_PART[part]} of the Cl- barrier with field",
            "Table 1",
            "rises",
            "barrier",
            _cautious(_rises(part)),
            mode="Cl",
            assumes=_BARRIER_ASSUMES,
        )
        for part in ("water_electrostatic", "water_vdw")
    ),
)
