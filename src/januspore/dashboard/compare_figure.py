"""The quantities that ensembles are compared by, and the figure of one of them."""

import io
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..errors import InputError
from ..products.drawing import DPI, bars, zero_lines
from ..products.kept import read_product
from .made import BY_NAME, Chosen

#: Most ensembles in one figure; the colours of more could not be distinguished.
MOST = 8
_MARKERS = "osD^vPX*"


@dataclass(frozen=True)
class Curve:
    """Columns of a product's table that are drawn as curves.

    Attributes:
        product: the product's name.
        x, y: columns of abscissa and ordinate.
        low, high: columns of the interval of y.
        by: columns whose values separate the curves of one ensemble.
        where: other columns, with the values of the rows that are drawn.
    """

    product: str
    x: str
    y: str
    low: str
    high: str
    by: tuple[str, ...] = ()
    where: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True)
class Quantity:
    """A quantity that can be compared: its name, axes, and the products that contain it."""

    name: str
    x_label: str
    y_label: str
    curves: tuple[Curve, ...]


_FIELD = "E, V/nm"
_CURRENT = ("current_nA", "low_nA", "high_nA")
_SLAB = (("estimator", ("pore slab",)),)
_TOTAL = (*_SLAB, ("species", ("total",)))
_COSINE = (("observable", ("mean cosine",)),)
_BRANCHES = (("branch", ("forward", "reverse")),)


def _with_bounds(column: str) -> tuple[str, str, str]:
    return column, f"{column}_low", f"{column}_high"


def _of_order(name: str, y_label: str, swept: str, held: str) -> Quantity:
    """One of the two measures of order: its column under a sweep of the field, and in holds."""
    return Quantity(
        name,
        "|E|, V/nm",
        y_label,
        (
            Curve(
                "water_order",
                "field_V_per_nm",
                *_with_bounds(swept),
                by=("branch", "sign"),
                where=_BRANCHES,
            ),
            Curve("held_order", "field_V_per_nm", *_with_bounds(held), by=("direction",)),
        ),
    )


#: All quantities. A new quantity is a row here; a product that contains one is a curve in its row.
QUANTITIES = (
    Quantity(
        "current against field",
        _FIELD,
        "current through the pore's slab, nA",
        (
            Curve("ie_curve", "field_V_per_nm", *_CURRENT, ("branch",), _TOTAL),
            Curve("steady_current", "field_V_per_nm", *_CURRENT, ("direction",), _TOTAL),
        ),
    ),
    _of_order(
        "water order against field",
        "mean cosine of the pore's dipoles to the field",
        "cos_dipole",
        "mean_cosine",
    ),
    _of_order("width of theta against field", "sigma_theta, rad", "sigma_theta_rad", "sigma_theta"),
    Quantity(
        "relaxation time",
        _FIELD,
        "tau of the mean cosine, ps",
        (
            Curve("relaxation", "field_V_per_nm", *_with_bounds("tau_ps"), ("direction",), _COSINE),
            Curve(
                "step_relaxation", "high_V_per_nm", *_with_bounds("tau_ps"), ("direction",), _COSINE
            ),
        ),
    ),
    Quantity(
        "second pulse over first",
        "delay, ps",
        "I1/I0, pore slab",
        (Curve("paired_pulse", "delay_ps", *_with_bounds("ratio"), where=_SLAB),),
    ),
    Quantity(
        "train of pulses",
        "pulse",
        "current, pore slab, nA",
        (Curve("pulse_train", "pulse", *_CURRENT, where=_SLAB),),
    ),
    Quantity(
        "mean force on a held ion, integrated",
        "x, nm",
        "PMF, kJ/mol",
        (
            Curve(
                "barrier",
                "x_nm",
                *("value", "low", "high"),
                by=("field_V_per_nm",),
                where=(("quantity", ("PMF",)), ("part", ("total",))),
            ),
        ),
    ),
)


def letter(k: int) -> str:
    """Return the letter of ensemble k in the figure and in the table."""
    return chr(ord("A") + k)


def quantities_of(chosen: list[Chosen]) -> list[str]:
    """Return the names of the quantities that at least one of the ensembles has."""
    return [quantity.name for quantity in QUANTITIES if any(_curves(quantity, chosen))]


def quantity_of(show: str, chosen: list[Chosen]) -> Quantity | None:
    """Return the quantity of a name; for "" the first one that most of the ensembles have.

    Returns:
        None for "" if the ensembles have no product yet.

    Raises:
        InputError: there is no such quantity.
    """
    if show and show not in (quantity.name for quantity in QUANTITIES):
        names = ", ".join(quantity.name for quantity in QUANTITIES)
        raise InputError(f"show = {show!r}: must be one of {names}")
    if show:
        return next(quantity for quantity in QUANTITIES if quantity.name == show)

    def have(quantity: Quantity) -> int:
        return sum(curve is not None for curve in _curves(quantity, chosen))

    best = max(QUANTITIES, key=have)  # `max` returns the first of several
    return best if have(best) else None


def _curves(quantity: Quantity, chosen: list[Chosen]) -> list[Curve | None]:
    """Return each ensemble's first curve whose product exists, None where none does."""
    return [
        next((curve for curve in quantity.curves if one.has(curve.product)), None) for one in chosen
    ]


def drawn(quantity: Quantity | None, chosen: list[Chosen]) -> bytes:
    """Return the figure of a quantity for some ensembles, as PNG."""
    picture = Figure(figsize=(8.0, 4.6 + 0.2 * len(chosen)), layout="constrained")
    axes = picture.subplots()
    if quantity is None:
        axes.set_title("no product of these ensembles is made yet")
        axes.set(xticks=[], yticks=[])
    else:
        _draw(picture, axes, quantity, chosen)
    png = io.BytesIO()
    picture.savefig(png, dpi=DPI, format="png")
    return png.getvalue()


def _draw(picture: Figure, axes: Any, quantity: Quantity, chosen: list[Chosen]) -> None:
    """Draw the curves: a colour for each ensemble, a marker for each curve of an ensemble."""
    kinds: dict[str, Line2D] = {}
    for k, (one, curve) in enumerate(zip(chosen, _curves(quantity, chosen), strict=True)):
        rows = _rows(curve, one) if curve else None
        there = curve is not None and rows is not None and rows[curve.y].notna().any()
        title = one.title if there else f"{one.title}: no data"
        axes.plot([], [], color=f"C{k}", linewidth=3, label=f"{letter(k)}: {title}")
        if curve is None or rows is None or not there:
            continue
        for kind, part in rows.groupby(list(curve.by), sort=False) if curve.by else [((), rows)]:
            name = " ".join(map(str, kind))
            n = list(kinds).index(name) if name in kinds else len(kinds)
            low, high = part[curve.low], part[curve.high]
            marker: dict[str, Any] = {
                "marker": _MARKERS[n % len(_MARKERS)],
                "fillstyle": "none" if n % 2 else "full",
                "linestyle": "",
                "markersize": 5,
            }
            bars(axes, part[curve.x], part[curve.y], low, high, fmt="", color=f"C{k}", **marker)
            kinds[name] = Line2D([], [], color="0.3", **marker)
    zero_lines(axes, x=False)
    axes.set(xlabel=quantity.x_label, ylabel=quantity.y_label, title=quantity.name)
    picture.legend(loc="outside lower left", fontsize=8, frameon=False)
    if kinds.keys() - {""}:
        axes.legend(list(kinds.values()), list(kinds), fontsize=7)


def _rows(curve: Curve, one: Chosen) -> pd.DataFrame | None:
    path = BY_NAME[curve.product].path(one.jobs[0], "json")
    if read_product(path) is None:
        return None
    rows = pd.read_csv(path.with_suffix(".csv"))
    for column, values in curve.where:
        rows = rows[rows[column].isin(values)]
    return rows.sort_values(curve.x)
