"""Planted barriers: hills of the heights in Table 1, with errors that windows share.

The errors are a shift of each seed, correlated neighbours, and charging of the reservoirs.
"""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from coverage_case import Case, Ends, Numbers, Truth, made_of
from helpers import tiny_point
from numpy.typing import NDArray
from planted_barrier import window_sums

from januspore.analysis import pmf
from januspore.engines.base import PARTS
from januspore.products import barrier
from januspore.products.barrier_profiles import Profiles
from januspore.products.ensemble import Content
from januspore.report.claims import _PART as PART
from januspore.report.claims import _TABLE_1 as TABLE_1
from januspore.report.collect import Made
from januspore.units import VOLT_PER_NM

#: Heights of the parts' hills by field, kJ/mol.
Heights = dict[float, dict[str, float]]
#: Fewer draws than in the package, for speed.
pmf.DRAWS = 500

POSITIONS = [round(float(x), 3) for x in np.linspace(-0.6, 0.6, 25)]
WIDTH = 0.15
TOTALS = {(E, part): f"Cl- barrier at {E:g} V/nm, {PART[part]}" for E in TABLE_1 for part in PART}
SLOPES = {
    part: f"{PART[part]} of the Cl- barrier with field"
    for part in ("water_electrostatic", "water_vdw")
}


def held_point(fields: tuple[float, ...], charging_ps: float) -> Any:
    """State point of a barrier at some fields of Table 1; reservoirs of 1.5 nm need 45 ps."""
    return tiny_point(
        "barrier",
        fields_V_per_nm=list(fields),
        positions_nm=POSITIONS,
        approach_ps=1.0,
        charging_ps=charging_ps,
        settle_ps=1.0,
        window_ps=10.0,
    )


def heights(scale: float, constant: bool) -> Heights:
    """Heights of the parts' hills, kJ/mol: Table 1 times `scale`, or those of 0.3 V/nm for all."""
    return {
        E: {part: scale * v for part, v in TABLE_1[0.3 if constant else E].items()} for E in TABLE_1
    }


def hills(planted: Heights) -> dict[str, Any]:
    """Forces whose sum with that of the field has a PMF with one hill at the Mo plane."""

    def hill(height: float, x: NDArray) -> NDArray:
        return height * x / WIDTH**2 * np.exp(-((x / WIDTH) ** 2) / 2)

    def ions(x: NDArray, field: float) -> NDArray:
        own = planted[field]
        rest = own["total"] - sum(own[p] for p in own if p != "total")
        return hill(rest, x) + VOLT_PER_NM * field  # cancels the field's force on Cl-

    forces = {p: (lambda x, field: 0.0 * x) for p in PARTS if p != "field"}
    for part in ("water_vdw", "water_electrostatic"):
        forces[part] = lambda x, field, part=part: hill(planted[field][part], x)
    forces["membrane_electrostatic"] = lambda x, field: hill(planted[field]["membrane"], x)
    return forces | {"ions": ions}


def barrier_made(
    seeds: int,
    rng: Numbers,
    forces: dict[str, Any],
    fields: tuple[float, ...],
    charging_ps: float = 50.0,
    **options: float,
) -> tuple[Made, dict[str, Ends]]:
    """Judge barriers and slopes, without the rows of single windows, which no claim uses."""
    point = held_point(fields, charging_ps)
    windows = point.protocol.windows
    sums = window_sums(point.protocol, forces, seeds, rng, **options)
    profiles = Profiles(windows, sums, list(range(seeds)))
    rows = [*barrier._barrier_rows(profiles), *barrier._slope_rows(profiles)]
    table = pd.DataFrame(rows)
    caution = barrier._caution(profiles, point.protocol.cell.reservoir_nm)
    made = made_of("barrier", point, Content(table, None, {"caution": caution}), seeds)
    ends: dict[str, Ends] = {}
    for row in rows:
        whole = row["quantity"] == "barrier" and row["profile"] == "whole"
        if whole and (row["field_V_per_nm"], row["part"]) in TOTALS:
            ends[TOTALS[row["field_V_per_nm"], row["part"]]] = (row["low"], row["high"])
    for part, claim in SLOPES.items():
        for way in ("common way", "own way"):
            for row in rows:
                if row["quantity"] == "slope" and (row["part"], row["profile"]) == (
                    part,
                    f"E > 0, {way}",
                ):
                    ends[claim] = (row["low"], row["high"])
    return made, ends


def _barriers() -> list[Case]:
    cases = []
    for name, scale, constant, options in (
        ("as the paper, shifts of 10", 1.0, False, {"shift": 10.0, "noise": 10.0}),
        ("1.6 times the paper's, neighbours 0.8", 1.6, False, {"rho": 0.8, "noise": 10.0}),
        ("the same at both fields, shifts of 25", 1.0, True, {"shift": 25.0}),
        ("flat, shifts of 25", 0.0, True, {"shift": 25.0}),
        ("as the paper, reservoirs charging", 1.0, False, {"charging_ps": 0.0, "shift": 5.0}),
    ):
        planted, charged = heights(scale, constant), "charging_ps" not in options
        # A slope is planted between two fields, as Table 1 is not a straight line.
        for fields in ((0.3, 0.7), (0.5,)):
            truths = _truths(planted, fields, charged) | (
                _slope_truths(planted, fields, charged) if len(fields) > 1 else {}
            )
            plant = partial(barrier_made, forces=hills(planted), fields=fields, **options)
            if truths:
                cases.append(Case(name, truths, plant))
    return cases


def _truths(planted: Heights, fields: tuple[float, ...], charged: bool) -> dict[str, Truth]:
    """Correct verdicts on barriers; none where the true value is too close to the paper's."""
    truths = {}
    for (E, part), claim in TOTALS.items():
        off = abs(planted[E][part] / TABLE_1[E][part] - 1)
        if E not in fields or 1e-9 < off < 0.5:
            continue
        right = "agrees" if off < 1e-9 else "disagrees"
        if not charged or (not planted[E]["total"] and part != "total"):
            right = ""
        truths[claim] = Truth(right, planted[E][part])
    return truths


def _slope_truths(planted: Heights, fields: tuple[float, ...], charged: bool) -> dict[str, Truth]:
    first, last = fields
    truths = {}
    for part, claim in SLOPES.items():
        slope = (planted[last][part] - planted[first][part]) / (last - first)
        truths[claim] = Truth("agrees" if slope > 0 and charged else "", slope)
    return truths


BARRIER_CASES = _barriers()
