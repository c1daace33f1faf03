"""All membranes of a data space under the same periodic field, side by side (paper, Fig. 4).

The product is one long table: the current of every membrane by window of the field, and the results
of `ndr` and `water_order` for each, so that all membranes are judged in the same way.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..analysis.current import ESTIMATORS
from ..analysis.cycle import SIGNS
from ..analysis.loop import TURN, curve, window_currents
from ..analysis.statistics import Interval, summed
from ..space.paper import (
    PANELS,
    departures,
    in_words,
    name_of,
    order,
)
from .drawing import Panel, legend, panels, zero_lines
from .ensemble import Content, Ensemble
from .ndr import (
    Loop,
    cycle_of,
    draw_loop,
    edges_of,
    find_loop,
    hysteresis,
    missing,
    tables_of,
)
from .ndr import verdict as loop_verdict
from .water_order import changes

_BRANCHES = ("forward", "reverse")


def make(ensembles: Sequence[Ensemble]) -> Content:
    """Combine the finished membranes, the paper's first."""
    ordered = sorted(ensembles, key=lambda e: order(e.point.charge_set.model_dump()))
    names = [_name(ensemble) for ensemble in ordered]
    loops = [_loops(ensemble) for ensemble in ordered]
    rows = []
    for ensemble, own in zip(ordered, loops, strict=True):
        found = _curves(own) + _facts(ensemble, own)
        rows += [_about(ensemble) | row | {"seeds": len(ensemble.jobs)} for row in found]
    findings: dict[str, Any] = {
        name: loop_verdict(own["pore slab"], own["whole cell"])
        for name, own in zip(names, loops, strict=True)
    }
    findings["verdict"] = _verdict(dict(zip(names, loops, strict=True)))
    return Content(pd.DataFrame(rows), _figure(ordered, names, loops), findings)


def _name(ensemble: Ensemble) -> str:
    charges = ensemble.point.charge_set.model_dump()
    name = name_of(charges)
    # The paper's panel is of its own pore and solution.
    own = name and not departures(charges["material"], ensemble.point.protocol)
    return f"{name} ({PANELS[name]})" if own else name or in_words(charges)


def _about(ensemble: Ensemble) -> dict[str, Any]:
    charges = ensemble.point.charge_set.model_dump()
    about = {f"charge_set.{key}": value for key, value in charges.items()}
    return {"membrane": name_of(charges) or "own", **about}


def _loops(ensemble: Ensemble) -> dict[str, Loop]:
    tables, edges = tables_of(ensemble), edges_of(ensemble)
    return {estimator: find_loop(tables[estimator, "total"], edges) for estimator in ESTIMATORS}


# --- table -------------------------------------------------------------------------------------


def _row(
    where: tuple[str, str, str], what: tuple[str, str], found: Interval, k: Any, **more: Any
) -> dict[str, Any]:
    """A row: (estimator, sign, branch), (quantity, unit), element k of an interval."""
    return {
        **dict(zip(("estimator", "sign", "branch"), where, strict=True)),
        **dict(zip(("quantity", "unit"), what, strict=True)),
        **{"field_V_per_nm": more.get("field", np.nan)},
        "value": float(found.value[k]),
        "low": float(found.low[k]),
        "high": float(found.high[k]),
        "statement": more.get("says", ""),
    }


def _curves(loops: dict[str, Loop]) -> list[dict[str, Any]]:
    """Current along the field by window of |E|."""
    rows = []
    for estimator, loop in loops.items():
        for sign in SIGNS:
            for branch in _BRANCHES:
                field = curve(summed(loop.tables), branch, sign)[0][0]
                found = window_currents(loop.tables, branch, sign)
                rows += [
                    _row((estimator, sign, branch), ("current", "nA"), found, k, field=e)
                    for k, e in enumerate(TURN[sign] * field)
                ]
    return rows


def _facts(ensemble: Ensemble, loops: dict[str, Loop]) -> list[dict[str, Any]]:
    rows = []
    for estimator, loop in loops.items():
        for (branch, sign), one in loop.ndr.items():
            where, says = (estimator, sign, branch), one.statement
            rows.append(_row(where, ("NDR onset", "V/nm"), one.peak_V_per_nm, (), says=says))
            rows.append(_row(where, ("peak to valley", "1"), one.ratio, (), says=says))
        for sign, found in loop.area.items():
            what, says = ("forward minus reverse area", "nA V/nm"), hysteresis(found)
            rows.append(_row((estimator, sign, "both"), what, found, (), says=says))
    for name, found in changes(ensemble).items():
        quantity, side = name.rsplit(", ", 1)
        sign = "+" if side == SIGNS["+"] else "-"
        what = quantity, "rad" if "sigma_theta" in quantity else "1"
        rows.append(_row(("pore water", sign, "both"), what, found, ()))
    return rows


# --- findings ----------------------------------------------------------------------------------


def _verdict(membranes: dict[str, dict[str, Loop]]) -> str:
    """Give the number of membranes whose pore-slab current has NDR, and a loop."""
    slabs = {name: loops["pore slab"] for name, loops in membranes.items()}
    with_ndr = [n for n, slab in slabs.items() if any(slab.ndr["forward", s].found for s in SIGNS)]
    with_loop = [n for n, slab in slabs.items() if any(a.low > 0 for a in slab.area.values())]
    parts = []
    for what, found in (("NDR", with_ndr), ("reverse below forward", with_loop)):
        named = f" ({', '.join(found)})" if found else ""
        parts.append(f"{what} in the pore slab of {len(found)} of {len(slabs)} membranes{named}")
    return "; ".join(parts)


# --- figure ------------------------------------------------------------------------------------


def _figure(ensembles: list[Ensemble], names: list[str], loops: list[dict[str, Loop]]) -> Figure:
    """A column for each membrane, and one with all of several; pore slab above whole cell."""
    rows = []
    alone = f"only {names[0]} is finished, nothing to show beside it" if len(names) == 1 else ""
    for estimator in ESTIMATORS:
        named = [(name, own[estimator]) for name, own in zip(names, loops, strict=True)]
        row = [
            Panel(
                partial(draw_loop, loop=loop, title=f"{name}\n{estimator}"),
                alone or missing(loop, "ion", f"{name}, {estimator}"),
            )
            for name, loop in named
        ]
        carrying = [(name, loop) for name, loop in named if not missing(loop, "", "")]
        if len(carrying) > 1:
            row.append(Panel(partial(_together, named=carrying, title=f"together\n{estimator}")))
        rows.append(row)
    seeds = sorted({len(ensemble.jobs) for ensemble in ensembles})
    count = f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"{seeds[0]}"
    first = ensembles[0]
    parts = [cycle_of(first).title, first.varies.legend(first.point.protocol)]
    parts += [f"{count} seeds a membrane", "bands 95 %"]
    title = ", ".join(filter(None, parts))
    return panels(title, rows, size=(3.0, 3.4), same_x=True, same_y=True)


def _together(axis: Axes, named: list[tuple[str, Loop]], title: str) -> None:
    """Draw all membranes in one plot, without their bands."""
    zero_lines(axis)
    for k, (name, loop) in enumerate(named):
        for branch, style in (("forward", "-"), ("reverse", "--")):
            for sign, turn in TURN.items():
                field = turn * curve(summed(loop.tables), branch, sign)[0][0]
                current = turn * window_currents(loop.tables, branch, sign).value
                label = name if (branch, sign) == ("forward", "+") else None
                axis.plot(field, current, style, color=f"C{k}", lw=1.2, label=label)
    axis.set(xlabel="E (V/nm)", ylabel="I (nA)")
    legend(axis, f"{title}, reverse dashed", columns=2)
