"""Steady current against held field: conductance, selectivity, rectification.

A staircase holds every field. The reservoirs charge and the pore's water orders in the first part
of a hold, so the current is read in its second half: unlike the curve of a fast sine it contains
neither charging nor lag. It applies to any pore and membrane; where no ion passes, the currents
have bounds.
"""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..analysis.current import (
    Tables,
    crossing_current,
    crossings,
    current_interval,
    current_tables,
    rate,
    species_of,
)
from ..analysis.hall import continuum
from ..analysis.statistics import Interval, ratio_of_means, shown
from ..materials import label_of
from ..model.system import Model
from .drawing import COLORS, Panel, bars, legend, panels, zero_lines
from .ensemble import Content, Ensemble, current_rows

#: Fraction of a hold, at its beginning, that is left out.
SETTLING = 0.5
_DIRECTIONS = ("forward", "reverse")
_SLAB = ("pore slab", "total")
#: How far apart symbols of one field stand, of the range of fields: they often agree.
_ASIDE = 0.02


def make(ensemble: Ensemble) -> Content:
    """Give the steady current of every hold, and conductance, selectivity and rectification.

    Currents come from the charge carried through the pore's slab, from that of the whole cell
    (equal in steady state) and from completed crossings, as in `ie_curve`.
    """
    sums = settled(ensemble.sums())
    tables = current_tables(sums, ensemble.point.protocol.recording, ensemble.model)
    frames = [
        _frame(ensemble, sums, *key, current_interval(one, rate)) for key, one in tables.items()
    ]
    counts = {name: values.sum(axis=0) for name, values in sums.items()}
    frames += [
        _frame(ensemble, sums, "crossings", ion, crossing_current(counts, ion, charge))
        for ion, charge in ensemble.model.ion_charges.items()
    ]
    table = pd.concat(frames, ignore_index=True)
    table["continuum_nA"] = _continuum_nA(ensemble, table)
    findings = _findings(tables, ensemble.model) | _beside_continuum(ensemble, tables)
    findings |= {
        "settling_share": SETTLING,
        "window_ps": float(sums["time_ps"].sum()),
    }
    findings["verdict"] = _verdict(table, findings, next(iter(ensemble.model.ion_charges)))
    crossed = {
        species: crossings(tables[_SLAB[0], species]) for species in species_of(ensemble.model)
    }
    return Content(table, _figure(ensemble, table, crossed, findings), findings)


def settled(sums: dict[str, NDArray]) -> dict[str, NDArray]:
    """Sums of each hold without its first part, (seeds, holds, ...)."""
    first = int(SETTLING * sums["time_ps"].shape[2])
    return {name: v[:, :, first:].sum(axis=2) for name, v in sums.items() if v.ndim >= 3}


def _frame(
    ensemble: Ensemble,
    sums: dict[str, NDArray],
    estimator: str,
    species: str,
    interval: Interval,
) -> pd.DataFrame:
    time, field = (sums[name].sum(axis=0) for name in ("time_ps", "field_ps"))
    frame = current_rows(ensemble, time, field, estimator, species, interval)
    frame.insert(0, "direction", np.repeat(_DIRECTIONS, len(frame) // 2))
    return frame


# --- numbers of the whole curve ----------------------------------------------------------------


def conductance(tables: Tables, length_nm: float, sign: int = 0) -> NDArray:
    """Slope of current against voltage through the origin, least squares, nS, shape (b, 1).

    Args:
        tables: sums over seeds, shape (b, holds).
        length_nm: of the box along the field: voltage over field.
        sign: +1 or -1 for the holds of that sign of the field alone.
    """
    field = tables["field"] / tables["time"]
    used = np.where(np.sign(field) * sign >= 0, field, 0.0) if sign else field
    above = (tables["charge"] * used).sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return above / (tables["time"] * used**2).sum(axis=1, keepdims=True) / length_nm


def _findings(tables: dict[tuple[str, str], Tables], model: Model) -> dict[str, Any]:
    found: dict[str, Any] = {}
    length_nm, cation = float(model.box[0]), next(iter(model.ion_charges))
    for species in species_of(model):
        one = tables["pore slab", species]
        value = current_interval(one, lambda t: conductance(t, length_nm))
        found[f"{species} conductance_nS"] = value.at(0).triple()
    total, field = tables[_SLAB], tables[_SLAB]["field"].sum(axis=0)
    _, low, high = found["total conductance_nS"]
    if low > 0 or high < 0:  # a share of a current that is not significant has no meaning
        both = (_each(one, length_nm) for one in (tables["pore slab", cation], total))
        found[f"{cation}_share"] = _ratio(*both).at(0).triple()
    if field.min() < 0 < field.max():
        ways = (_each(total, length_nm, sign) for sign in (+1, -1))
        found["rectification"] = _ratio(*ways).at(0).triple()
    return found


def _continuum(ensemble: Ensemble) -> dict[str, float]:
    return continuum(ensemble.model, ensemble.point.protocol.cell.salt_mol_per_L)


def _continuum_nA(ensemble: Ensemble, table: pd.DataFrame) -> pd.Series:
    """Current of both ions that a continuum would carry at each voltage; NaN for one ion alone."""
    conducts = _continuum(ensemble).get("continuum_nS", np.nan)
    return (table["voltage_V"] * conducts).where(table["species"] == "total")


def _beside_continuum(ensemble: Ensemble, tables: dict[tuple[str, str], Tables]) -> dict[str, Any]:
    """What a continuum would conduct, and the conductance as a share of it (`analysis.hall`)."""
    found: dict[str, Any] = dict(_continuum(ensemble))
    if found:
        length_nm = float(ensemble.model.box[0])
        value = current_interval(tables[_SLAB], lambda t: conductance(t, length_nm))
        found["share_of_continuum"] = value.at(0).scaled(1 / found["continuum_nS"]).triple()
    return found


def _each(tables: Tables, length_nm: float, sign: int = 0) -> NDArray:
    """Conductance of every seed by itself, shape (seeds,)."""
    return conductance(tables, length_nm, sign)[:, 0]


def _ratio(above: NDArray, below: NDArray) -> Interval:
    """Ratio of two means over the same seeds (Fieller); unknown if the denominator may be 0."""
    n = len(above)
    if n < 2:
        return Interval.unknown(1)
    covariance = np.cov(above, below) / n
    return ratio_of_means(
        (np.array([above.mean()]), np.array([below.mean()])),
        (covariance[:1, 0], covariance[1:, 1]),
        covariance[:1, 1],
        n,
    )


def _verdict(table: pd.DataFrame, findings: dict[str, Any], cation: str) -> str:
    _, low, high = findings["total conductance_nS"]
    if not np.isfinite(low):
        return "one seed gives no interval"
    rows = table[(table.estimator == _SLAB[0]) & (table.species == _SLAB[1])]
    if low <= 0 <= high:
        bound = float(rows[["low_nA", "high_nA"]].abs().to_numpy().max())
        return f"no significant current at any field: below {bound:.3g} nA"
    known = f"conducts {shown(findings['total conductance_nS'])} nS"
    share = findings.get(f"{cation}_share", [np.nan] * 3)
    if np.isfinite(share).all():
        known += f", {label_of(cation)} carrying {shown(share, '.2g')} of the current"
    return known


# --- figure ------------------------------------------------------------------------------------


def _figure(
    ensemble: Ensemble, table: pd.DataFrame, crossed: dict[str, int], findings: dict[str, Any]
) -> Figure:
    length_nm = float(ensemble.model.box[0])
    slab = table[table.estimator == _SLAB[0]]
    total = slab[slab.species == _SLAB[1]]
    ions = {ion: slab[slab.species == ion] for ion in ensemble.model.ion_charges}
    why = "" if crossed[_SLAB[1]] else f"no ion crossed: {findings['verdict']}"
    both = " and ".join(map(label_of, ions))
    row = [
        Panel(partial(_total, rows=total, length_nm=length_nm, findings=findings, title=both), why),
        Panel(partial(_by_ion, ions=ions, length_nm=length_nm), why),
    ]
    return panels(f"{ensemble.title}; {ensemble.seeds}, bars 95 %", [row], same_y=True)


def _total(
    axis: Axes, rows: pd.DataFrame, length_nm: float, findings: dict[str, Any], title: str
) -> None:
    for k, direction in enumerate(_DIRECTIONS):
        own = rows[rows.direction == direction]
        aside = (k - 0.5) * _ASIDE
        _points(axis, own, direction, filled=not k, aside=aside, label=direction)
    value, low, high = findings["total conductance_nS"]
    if low > 0 or high < 0:
        field = np.array([min(rows.field_V_per_nm.min(), 0.0), max(rows.field_V_per_nm.max(), 0.0)])
        axis.plot(field, field * length_nm * value, color="0.5", lw=1, label=f"{value:.3g} nS")
    if rows.continuum_nA.notna().any():
        at = rows.sort_values("field_V_per_nm")
        axis.plot(at.field_V_per_nm, at.continuum_nA, color="0.5", lw=1, ls=":", label="continuum")
    _axes(axis, length_nm, title)


def _by_ion(axis: Axes, ions: dict[str, pd.DataFrame], length_nm: float) -> None:
    for k, (ion, rows) in enumerate(ions.items()):
        for j, direction in enumerate(_DIRECTIONS):
            own = rows[rows.direction == direction]
            aside = (2 * k + j - 1.5) * _ASIDE
            _points(axis, own, ion, filled=not j, aside=aside, label="" if j else label_of(ion))
    _axes(axis, length_nm, "each ion; open: reverse")


def _points(
    axis: Axes, rows: pd.DataFrame, name: str, filled: bool, aside: float, label: str = ""
) -> None:
    """Draw currents with their bars, `aside` of the fields' range beside their fields."""
    color, field = COLORS[name], rows.field_V_per_nm
    style: dict[str, Any] = {"color": color, "ms": 5, "label": label or None}
    style["mfc"] = color if filled else "none"
    at = field + aside * max(field.max() - min(field.min(), 0.0), 0.0)
    bars(axis, at, rows.current_nA, rows.low_nA, rows.high_nA, **style)


def _axes(axis: Axes, length_nm: float, title: str) -> None:
    zero_lines(axis, x=False)
    axis.locator_params(axis="x", nbins=6)  # with a sign, more of them would touch
    axis.set(xlabel="E (V/nm); in grey: voltage over the cell (V)", ylabel="I (nA)")
    for field in axis.get_xticks()[1:-1]:
        axis.annotate(
            f"{field * length_nm:.2g}",
            (field, 0.01),
            xycoords=("data", "axes fraction"),
            ha="center",
            fontsize=7,
            color="0.5",
        )
    legend(axis, title)
