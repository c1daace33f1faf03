"""A device's figure: its tables, its predicted loops, and the area of its loop by frequency."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..products.drawing import COLORS, COSINE, Panel, band, bars, legend, panels, zero_lines
from .fit import WAYS
from .fitted import Fitted
from .predict import Prediction

_WAYS = dict(zip(WAYS, ("forward", "reverse"), strict=True))


def draw(
    fitted: Fitted, predictions: Sequence[Prediction], loops: Sequence[dict[str, Any]]
) -> Figure:
    """Draw s_inf, tau, predicted and simulated loops, and the loop's area against frequency."""
    loop = [one for one in predictions if one.area is not None]
    each = [Panel(partial(_loop, one=one)) for one in loop]
    none = [Panel(partial(_loop, one=None), "no sine to compare with")]
    return panels(
        f"{fitted.name}; bars and bands 95 %",
        [
            [Panel(partial(_order, fitted=fitted)), Panel(partial(_times, fitted=fitted))],
            [*(each or none), Panel(partial(_areas, loops=loops))],
        ],
    )


def _entries(fitted: Fitted, start: str) -> np.ndarray:
    """Rows of field, value, low and high of the intervals whose names begin with `start`."""
    rows = [
        [float(name.split(" at ")[1].split(" ")[0]), *triple]
        for name, triple in fitted.intervals.items()
        if name.startswith(start) and " at all " not in name
    ]
    return np.array(rows).reshape(-1, 4)


def _order(axis: Axes, fitted: Fitted) -> None:
    field, value, low, high = _entries(fitted, "s_inf").T
    bars(axis, field, value, low, high, COSINE, color=COLORS["total"], ls="-")
    zero_lines(axis)
    axis.set(xlabel="E (V/nm)", ylabel="s_inf")


def _times(axis: Axes, fitted: Fitted) -> None:
    for way, name in _WAYS.items():
        color = COLORS[name]
        found = _entries(fitted, f"tau_{way}")
        if len(found):
            field, value, low, high = found.T
            bars(axis, field, value, low, high, color=color, label=way)
        whole = fitted.intervals.get(f"tau_{way} at all fields (ps)")
        if whole:
            fields = [fitted.order.fields_V_per_nm[0], fitted.largest_V_per_nm]
            axis.plot(fields, [whole[0]] * 2, color=color, label=f"{way}, all fields")
            band(axis, fields, [whole[1]] * 2, [whole[2]] * 2, color)
        for own in fitted.whole:
            if own.name == f"tau_{way}_ps":
                fields = [fitted.order.fields_V_per_nm[0], fitted.largest_V_per_nm]
                band(axis, fields, [own.low] * 2, [own.high] * 2, color)
                axis.plot([], [], color=color, ls=":", label=f"{way}, not fixed: range")
    axis.set(xlabel="E (V/nm)", ylabel="tau (ps)", yscale="log")
    legend(axis, columns=2)


def _loop(axis: Axes, one: Prediction | None) -> None:
    if one is None:
        return
    field, predicted, seen, low, high = (
        one.values[name] for name in ("field_V_per_nm", "predicted", "value", "low", "high")
    )
    several = len(one.area or []) > 1
    label = "predicted, worst end of the ranges" if several else "predicted"
    style: dict[str, Any] = {"color": COLORS["total"], "ms": 3, "lw": 0.7, "label": "simulated"}
    if one.quantity == "order":
        style["within"] = COSINE
    bars(axis, field, seen, low, high, **style)
    axis.plot(field, predicted, color="C1", label=label)
    zero_lines(axis)
    axis.set(xlabel="E (V/nm)", ylabel=one.quantity)
    legend(axis, one.protocol)


def _areas(axis: Axes, loops: Sequence[dict[str, Any]]) -> None:
    frequency = [row["frequency_GHz"] for row in loops]
    for key, label in (("order", "order"), ("current_nA_V_per_nm", "current (nA)")):
        if key not in loops[0]:
            continue
        ends = np.array([row[key] for row in loops])
        scale = max(np.abs(ends).max(), 1e-300)
        (line,) = axis.plot(frequency, ends.mean(axis=1) / scale, label=f"{label}, x {scale:.2g}")
        band(axis, frequency, ends[:, 0] / scale, ends[:, 1] / scale, line.get_color())
    zero_lines(axis, x=False)
    axis.set(xlabel="f (GHz)", ylabel="loop area / its largest", xscale="log")
    legend(axis)
