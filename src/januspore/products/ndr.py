"""Negative differential resistance and hysteresis of pore slab and whole cell (Figs 1B, 1C, 4).

The whole-cell current contains the charging of the reservoirs, which leads the field by a quarter
of a cycle; it alone makes an open loop whose forward branch falls with field. A feature is
therefore attributed to the pore only if the pore-slab current has it too.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..analysis.current import (
    ESTIMATORS,
    Tables,
    crossings,
    current_interval,
    current_tables,
    species_of,
)
from ..analysis.cycle import SIGNS
from ..analysis.loop import (
    ONE_SEED,
    QUARTER,
    TURN,
    Opening,
    Pinch,
    area,
    curve,
    excludes_zero,
    find_pinch,
    window_currents,
)
from ..analysis.ndr import Ndr, find_ndr
from ..analysis.statistics import Interval, bootstrap, summed
from ..materials import label_of
from ..protocols import required
from ..protocols.views import Cycle
from .drawing import COLORS, Panel, band, legend, panels, zero_lines
from .ensemble import Content, Ensemble

_AREA = "forward minus reverse area", "nA V/nm"
_BRANCHES = ("forward", "reverse")


@dataclass(frozen=True)
class Loop:
    """Results for one current: NDR by (branch, sign), area by sign, pinch."""

    tables: Tables
    ndr: dict[tuple[str, str], Ndr]
    area: dict[str, Interval]
    pinch: Pinch


def make(ensemble: Ensemble) -> Content:
    """Find NDR, loop area and pinch of every current, each sign of the field apart."""
    edges = edges_of(ensemble)
    loops = {
        (estimator, species): find_loop(tables, edges)
        for (estimator, species), tables in tables_of(ensemble).items()
    }
    rows = [row for key, loop in loops.items() for row in _rows(*key, loop)]
    rows += _charging_rows(loops, edges)
    table = pd.DataFrame(rows)
    table["seeds"] = len(ensemble.jobs)
    return Content(table, _figure(ensemble, loops), _findings(loops))


def cycle_of(ensemble: Ensemble) -> Cycle:
    """The ensemble's periodic field."""
    return required(ensemble.point.protocol.cycle, "cycle")


def edges_of(ensemble: Ensemble) -> NDArray:
    """|E| at the edges of a quarter's phase bins, V/nm, as `analysis.loop` needs it."""
    return cycle_of(ensemble).quarter_edges(QUARTER)


def tables_of(ensemble: Ensemble) -> dict[tuple[str, str], Tables]:
    """Tables of every current by (estimator, species)."""
    recording = ensemble.point.protocol.recording
    return current_tables(ensemble.sums(), recording, ensemble.model)


def find_loop(tables: Tables, edges: NDArray) -> Loop:
    """Find NDR, area and pinch of one current; `edges` as in `analysis.loop`."""
    ndr = {(b, s): find_ndr(tables, b, s, edges) for s in SIGNS for b in _BRANCHES}
    areas = {s: _area(tables, s, edges) for s in SIGNS}
    whole = summed(tables)
    largest = max(float(np.abs(curve(whole, b, s)[1]).max()) for b, s in ndr)
    significant = any(one.significant for one in ndr.values())
    return Loop(tables, ndr, areas, find_pinch(tables, largest, significant))


def _area(tables: Tables, sign: str, edges: NDArray) -> Interval:
    return current_interval(tables, lambda t: area(t, sign, edges)).at(0)


class Hysteresis(StrEnum):
    """Which branch carries less, judged by the loop's area."""

    REVERSE_BELOW = "reverse below forward"
    REVERSE_ABOVE = "reverse above forward"
    OPEN = "no loop beyond its interval"
    ONE_SEED = ONE_SEED


def hysteresis(area: Interval) -> Hysteresis:
    """Judge a loop's area."""
    if not np.isfinite(area.low):
        return Hysteresis.ONE_SEED
    if area.low > 0:
        return Hysteresis.REVERSE_BELOW
    return Hysteresis.REVERSE_ABOVE if area.high < 0 else Hysteresis.OPEN


# --- table -------------------------------------------------------------------------------------


def _row(
    key: tuple[str, str], where: tuple[str, str], what: tuple[str, str], found: Interval, says: str
) -> dict[str, Any]:
    """A row: (estimator, species), (sign, branch), (quantity, unit), interval, statement."""
    return {
        **dict(zip(("estimator", "species"), key, strict=True)),
        **dict(zip(("sign", "branch"), where, strict=True)),
        **dict(zip(("quantity", "unit"), what, strict=True)),
        "value": float(found.value),
        "low": float(found.low),
        "high": float(found.high),
        "statement": says,
    }


def _rows(estimator: str, species: str, loop: Loop) -> list[dict[str, Any]]:
    row = partial(_row, (estimator, species))
    rows = []
    for (branch, sign), one in loop.ndr.items():
        plain = {
            ("mean current", "nA"): one.mean_nA,
            ("peak field", "V/nm"): one.peak_V_per_nm,
            ("valley field", "V/nm"): one.valley_V_per_nm,
            ("peak to valley", "1"): one.ratio,
            ("slope beyond peak", "nA nm/V"): one.slope,
            ("probability of negative slope", "1"): Interval.of(one.probability),
            ("chance of such a fall without NDR", "1"): Interval.of(one.chance),
            ("largest fall that may hide, of the largest current", "1"): Interval.of(
                one.fall_bound
            ),
        }
        rows += [row((sign, branch), *pair, one.statement) for pair in plain.items()]
    rows += [row((sign, "both"), _AREA, a, hysteresis(a)) for sign, a in loop.area.items()]
    for branch, found in (("rising", loop.pinch.rising_nA), ("falling", loop.pinch.falling_nA)):
        says = loop.pinch.statement
        rows.append(row(("both", branch), ("current at E = 0", "nA"), found, says))
    return rows


def _charging_rows(loops: dict[tuple[str, str], Loop], edges: NDArray) -> list[dict[str, Any]]:
    """Area of the whole-cell current minus the pore-slab current: the reservoirs' charging."""
    rows = []
    for species in dict.fromkeys(species for _, species in loops):
        slab, cell = (loops[estimator, species].tables for estimator in ESTIMATORS)
        apart = {**cell, "charge": cell["charge"] - slab["charge"]}
        for sign in SIGNS:
            # Crossings cancel in the difference, so the interval over seeds needs no Poisson bound.
            found = bootstrap(apart, partial(area, sign=sign, edges=edges)).at(0)
            key = "whole cell minus pore slab", species
            rows.append(_row(key, (sign, "both"), _AREA, found, hysteresis(found)))
    return rows


# --- findings ----------------------------------------------------------------------------------


def _findings(loops: dict[tuple[str, str], Loop]) -> dict[str, Any]:
    codes: dict[str, str] = {}
    p: dict[str, float] = {}
    found: dict[str, Any] = {"codes": codes, "p": p}
    for estimator in ESTIMATORS:
        loop = loops[estimator, "total"]
        for sign in SIGNS:
            name = f"{estimator}, {SIGNS[sign]}"
            found[f"{name}, forward"] = loop.ndr["forward", sign].statement
            codes[f"{name}, forward"] = loop.ndr["forward", sign].outcome
            p[f"{name}, forward"] = loop.ndr["forward", sign].p
            found[f"{name}, loop"] = codes[f"{name}, loop"] = hysteresis(loop.area[sign])
            found[f"{name}, loop area (nA V/nm)"] = loop.area[sign].triple()
        found[f"{estimator}, at E = 0"] = loop.pinch.statement
        codes[f"{estimator}, at E = 0"] = loop.pinch.outcome
        p[f"{estimator}, at E = 0"] = loop.pinch.p
    found["verdict"] = verdict(loops["pore slab", "total"], loops["whole cell", "total"])
    return found


def features(loop: Loop) -> dict[str, bool]:
    """Which features of the paper's loop a current shows beyond its intervals."""
    shown = {f"NDR at {SIGNS[s]}": loop.ndr["forward", s].found for s in SIGNS}
    shown |= {f"reverse below forward at {SIGNS[s]}": bool(loop.area[s].low > 0) for s in SIGNS}
    return shown | {"current at E = 0": loop.pinch.outcome is Opening.OPEN}


def verdict(slab: Loop, cell: Loop) -> str:
    """State which features the pore has, and which ones charging alone could make."""
    if len(slab.tables["time"]) < 2:
        return f"not enough data: {ONE_SEED}"
    pore, whole = features(slab), features(cell)
    own = [name for name, shown in pore.items() if shown]
    charging = [name for name, shown in whole.items() if shown and not pore[name]]
    parts = [f"the pore-slab current shows {', '.join(own)}"] if own else []
    if charging:
        parts.append(
            f"{', '.join(charging)}: in the whole cell and not in the pore slab, so reservoir "
            "charging alone could make it"
        )
    if not any(one.significant for one in slab.ndr.values()):
        bound = max(float(np.abs([m.mean_nA.low, m.mean_nA.high]).max()) for m in slab.ndr.values())
        parts.append(f"no branch of the pore-slab current is significant (bound {bound:.3g} nA)")
    elif not own:
        above = [SIGNS[s] for s in SIGNS if hysteresis(slab.area[s]) is Hysteresis.REVERSE_ABOVE]
        loop = f"; its reverse branch is above forward at {' and '.join(above)}" if above else ""
        less = "less current in the reverse branch" if above else "a loop"
        parts.append(
            f"the pore-slab current shows neither NDR nor {less} beyond its intervals{loop}"
        )
    return "; ".join(parts)


# --- figure ------------------------------------------------------------------------------------


def _figure(ensemble: Ensemble, loops: dict[tuple[str, str], Loop]) -> Figure:
    rows = []
    for estimator in ESTIMATORS:
        row = []
        for species, ions in species_of(ensemble.model).items():
            loop, name = loops[estimator, species], " and ".join(map(label_of, ions))
            who = name if crossings(loops[estimator, "total"].tables) else "ion"
            title = f"{estimator}, {name}\n{_areas(loop)}"
            draw = partial(draw_loop, loop=loop, title=title)
            row.append(Panel(draw, missing(loop, who, estimator)))
        rows.append(row)
    title = f"{ensemble.title}; {cycle_of(ensemble).title}; {ensemble.seeds}, bands 95 %"
    drawn = any(not panel.missing for row in rows for panel in row)
    more = "; areas in nA V/nm; triangles: peak (up) and valley (down) where NDR is found"
    return panels(title + more * drawn, rows, size=(3.8, 3.6), same_x=True, same_y=True)


def missing(loop: Loop, who: str, where: str) -> str:
    """Return why a loop is not drawn: no branch carries a current beyond its interval, no area is.

    Args:
        loop: results for a current.
        who: the ions of the current.
        where: its estimator.
    """
    branches = any(one.significant for one in loop.ndr.values())
    if branches or any(excludes_zero(found) for found in loop.area.values()):
        return ""
    if crossings(loop.tables):
        return f"{where}, {who}: no branch's mean current and no loop area beyond its interval"
    return f"{where}: no {who} crossed"


def draw_loop(axis: Axes, loop: Loop, title: str) -> None:
    """Draw the current against the field, both branches."""
    zero_lines(axis)
    sums = summed(loop.tables)
    for sign, turn in TURN.items():
        for branch in _BRANCHES:
            color, field = COLORS[branch], turn * curve(sums, branch, sign)[0][0]
            found = window_currents(loop.tables, branch, sign)
            label = branch if sign == "+" else None
            axis.plot(field, turn * found.value, "o-", ms=3, color=color, lw=1.3, label=label)
            band(axis, field, turn * found.low, turn * found.high, color)
            _mark(axis, loop.ndr[branch, sign], field, turn * found.value, color)
    axis.set(xlabel="E (V/nm)", ylabel="I (nA)")
    legend(axis, title)


def _mark(axis: Axes, ndr: Ndr, field: NDArray, current_nA: NDArray, color: str) -> None:
    if not ndr.found:
        return
    for place, marker in ((ndr.peak_V_per_nm, "^"), (ndr.valley_V_per_nm, "v")):
        k = int(np.argmin(np.abs(np.abs(field) - place.value)))
        axis.plot(field[k], current_nA[k], marker, ms=11, mfc="none", mec=color, mew=1.6, zorder=5)


def _areas(loop: Loop) -> str:
    """Loop areas of both signs, as a line of a title."""
    if not all(np.isfinite(found.low) for found in loop.area.values()):
        return str(hysteresis(loop.area["+"]))
    parts = []
    for sign, name in reversed(SIGNS.items()):
        found = loop.area[sign]
        mark = "" if excludes_zero(found) else " n.s."
        half = float(found.high - found.value)
        # As many decimals as the first digit of the interval's half width needs, four at most.
        places = min(max(0, int(np.ceil(-np.log10(half)))), 4) if half > 0 else 0
        parts.append(f"{name}: {float(found.value):.{places}f} ± {half:.{places}f}{mark}")
    return f"area {', '.join(parts)}"
