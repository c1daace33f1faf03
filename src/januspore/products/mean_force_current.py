"""From mean force to current: the Nernst-Planck flux of held ions beside the current itself.

Where no ion passes in the time that one has, the mean force on a held ion still gives a rate: its
free energy along the axis with the field in it, its diffusion coefficient and the density at both
ends are all that the one-dimensional Nernst-Planck equation needs (`analysis.nernst_planck`). The
direct current of the same membrane, cell and field, from a staircase, stands beside it.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..analysis import current as direct
from ..analysis import flux
from ..analysis.barrier import CHARGED_PS_PER_NM
from ..analysis.pmf import longest_stretch, trapezoid_weights
from ..analysis.statistics import Interval, bootstrap, by_cluster, difference
from ..materials import SPECIES, label_of
from ..model.system import MEMBRANE_LENGTH_NM
from ..protocols import required
from ..units import MOL_PER_LITRE
from .drawing import COLORS, Panel, band, bars, legend, log_y, panels, zero_lines
from .ensemble import Content, Ensemble
from .steady_current import settled

LIMITS = (
    "one ion at a time, which no other one blocks or helps; lateral equilibrium in the cylinder; "
    "neighbours and water as they are about a held ion; densities at the ends as they are there; "
    "in front of the pore the flow spreads as it does before a disc"
)
#: Nearer to the membrane than this, the density at an end is not that of a reservoir, nm.
RESERVOIR_FROM_NM = 0.8
#: A width of the interval, as a factor, from which agreement says little.
WIDE = 3.0
_NO_DIRECT = (
    "no staircase holds this field in this cell: one with it among its holds_V_per_nm in a study, "
    "then python init.py --study NAME --protocol staircase, makes the direct current"
)


def make(ensembles: Sequence[Ensemble]) -> Content:
    """Compare both currents at every field at which an ion was held.

    Args:
        ensembles: of one membrane in one cell: those of held ions, and staircases.
    """
    held = [one for one in ensembles if one.point.protocol.windows is not None]
    staircases = [one for one in ensembles if one.point.protocol.holds is not None]
    rows = [row for one in held for row in _held_rows(one)]
    table = pd.DataFrame(rows)
    fields = sorted(table.field_V_per_nm.unique())
    more = [row for field in fields for row in _field_rows(table, held[0], staircases, field)]
    table = pd.concat([table, pd.DataFrame(more)], ignore_index=True)
    findings = _findings(table, held)
    title = f"{held[0].title}; {'; '.join(dict.fromkeys(one.seeds for one in held))}"
    return Content(table, _figure(title, table), findings)


def _row(quantity: str, field: float, ion: str, found: Interval, **more: Any) -> dict[str, Any]:
    units = {"PMF": "kJ/mol", "diffusion": "nm^2/ps", "concentration": "mol/L"}
    empty = {"x_nm": np.nan, "statement": ""}
    ends = {name: float(getattr(found, name)) for name in ("value", "low", "high")}
    about = {"quantity": quantity, "field_V_per_nm": float(field), "ion": ion}
    return about | ends | {"unit": units.get(quantity, "nA")} | empty | more


# --- one ensemble of held ions -----------------------------------------------------------------


def _held_rows(ensemble: Ensemble) -> Iterator[dict[str, Any]]:
    """Profiles, densities at the ends and the current of one held species, at each field."""
    windows = required(ensemble.point.protocol.windows, "windows")
    sums = ensemble.each_seed() | ensemble.each_seed("ends.h5")
    about = _held(ensemble)
    for f, field in enumerate(windows.fields_V_per_nm):
        part = longest_stretch(np.isfinite(sums["tether"][:, f].mean(axis=0)))
        each = flux.tables_of(sums, f, part, windows.window_ps)
        tables = by_cluster(each, ensemble.equilibrations)
        missing = _missing(tables)
        x = tables["x_nm"].sum(axis=0) / tables["seeds"].sum()
        more = {"statement": missing or _caution(ensemble, x)}
        way = int(np.sign(field))
        found = flux.current_interval(tables, about, x, way) if not missing else _NOTHING
        yield _row("current", field, windows.ion, found.at(0), **more)
        if len(x) > 1:  # without a density at the ends there still is a free energy
            yield from _profile_rows(tables, about, x, field, windows.ion)


_NOTHING = Interval(*(np.full(1, np.nan) for _ in range(3)))


def _held(ensemble: Ensemble) -> flux.Held:
    windows, model = required(ensemble.point.protocol.windows, "windows"), ensemble.model
    return flux.Held(
        charge_e=float(SPECIES[windows.ion].charge_e or 0.0),
        temperature_K=ensemble.point.protocol.dynamics.temperature_K,
        radius_nm=windows.radius_nm,
        stiffness_kJ_per_mol_nm2=windows.stiffness_kJ_per_mol_nm2,
        across_nm2=float(model.box[1] * model.box[2]),
        ions=len(model.indices(windows.ion)),
        mouth_nm=MEMBRANE_LENGTH_NM / 2,
    )


def _missing(tables: flux.Tables) -> str:
    """Why there is no current, and what would give one; empty if there is one."""
    if tables["tether"].shape[1] < 2:
        return (
            "windows do not join: fewer than two neighbouring ones were sampled; a barrier with "
            "more positions_nm (python init.py --protocol barrier) makes them"
        )
    if not (tables["end_frames"].sum(axis=0) > 0).all():
        return (
            "no frame was kept while the held ion was away from an end, so the density there is "
            "unknown; a barrier with a shorter recording.frame_interval_ps keeps them"
        )
    if not (tables["end_ions"].sum(axis=0) > 0).any():
        return "no free ion was seen at either end; longer windows (window_ps) would show some"
    return ""


def _caution(ensemble: Ensemble, x: NDArray) -> str:
    """What makes a current doubtful whatever its interval says, empty if nothing is known to."""
    windows = required(ensemble.point.protocol.windows, "windows")
    told = []
    wanted = CHARGED_PS_PER_NM * ensemble.point.protocol.cell.reservoir_nm
    if windows.charged_ps < wanted:
        told.append(f"reservoirs still charge: charging_ps = {wanted:g} would do")
    if min(-x[0], x[-1]) < RESERVOIR_FROM_NM:
        told.append(f"windows end within {RESERVOIR_FROM_NM:g} nm of the membrane")
    if ensemble.model.pore.diameter_nm / 2 - _ION_NM > windows.radius_nm:
        told.append("the pore is wider than the cylinder: what passes beside it is left out")
    if (spacing := float(np.diff(x).max())) > _FAR_NM:
        told.append(f"windows up to {spacing:.2g} nm apart: positions_nm every 0.2 nm would do")
    if windows.window_ps < _TELLS_D_PS:
        told.append(
            f"windows of {windows.window_ps:g} ps tell D too large: "
            f"window_ps = {_TELLS_D_PS:g} would do"
        )
    return "; ".join(told)


#: Shortest windows whose batches see the friction's slow part, ps.
_TELLS_D_PS = 15.0
#: How near an ion comes to the membrane's atoms at the pore's edge, and the widest step of windows
#: over which a mean force is taken as linear, nm.
_ION_NM, _FAR_NM = 0.25, 0.26


def _profile_rows(
    tables: dict[str, NDArray], about: flux.Held, x: NDArray, field: float, ion: str
) -> Iterator[dict[str, Any]]:
    weights = trapezoid_weights(x)
    kept = {
        "PMF": bootstrap(tables, lambda t: t["tether"] / t["seeds"] @ weights.T),
        "diffusion": bootstrap(tables, lambda t: np.log(flux.diffusion(t))).exp(),
        "concentration": bootstrap(tables, lambda t: flux.concentration(t, about)).scaled(
            1 / MOL_PER_LITRE
        ),
    }
    for quantity, found in kept.items():
        for k, place in enumerate(x if quantity != "concentration" else x[[0, -1]]):
            yield _row(quantity, field, ion, found.at(k), x_nm=float(place))


# --- both ions, and the direct current ---------------------------------------------------------


def _field_rows(
    table: pd.DataFrame, ensemble: Ensemble, staircases: list[Ensemble], field: float
) -> Iterator[dict[str, Any]]:
    """The total of one field, the direct currents, and whether they agree."""
    rows = table[(table.quantity == "current") & (table.field_V_per_nm == field)]
    found = {row["ion"]: _interval(row) for row in rows.to_dict("records")}
    charges = ensemble.model.ion_charges
    if set(found) == set(charges):
        total = _sum(*found.values())
        found["total"] = total
        yield _row("current", field, "total", total)
    passed = _direct(staircases, field)
    told = dict(zip(rows.ion, rows.statement, strict=True))
    for species in direct.species_of(ensemble.model):
        one = passed.get(species, _NOTHING.at(0))
        yield _row("direct current", field, species, one, statement="" if passed else _NO_DIRECT)
        if species in found:
            yield _row("verdict", field, species, _NOTHING.at(0)) | {
                "unit": "",
                "statement": _judged(found[species], one, told.get(species, ""), bool(passed)),
            }


def _judged(found: Interval, passed: Interval, statement: str, held: bool) -> str:
    """The verdict, or why there is none."""
    if not np.isfinite(found.value):
        return f"no current of the mean force: {statement or 'that of an ion is missing'}"
    return verdict(found, passed) if held else _NO_DIRECT


def _interval(row: Mapping[Any, Any]) -> Interval:
    return Interval(*(np.asarray(float(row[name])) for name in ("value", "low", "high")))


def _sum(a: Interval, b: Interval) -> Interval:
    """Sum of two independent estimates: the difference from the other one's negative."""
    return difference(a, Interval(-b.value, -b.high, -b.low))


def _direct(staircases: list[Ensemble], field: float) -> dict[str, Interval]:
    """Current of every species at a held field, of the staircase that held it longest."""
    best: tuple[float, dict[str, Interval]] = (0.0, {})
    for ensemble in staircases:
        sums = settled(ensemble.sums())
        with np.errstate(invalid="ignore", divide="ignore"):
            held = (sums["field_ps"] / sums["time_ps"])[0]
        same = np.isclose(held, field, rtol=0, atol=1e-6)
        time = float(sums["time_ps"][:, same].sum())
        if time <= best[0]:
            continue
        recording = ensemble.point.protocol.recording
        tables = direct.current_tables(
            {name: values[:, same] for name, values in sums.items()}, recording, ensemble.model
        )
        best = (
            time,
            {
                species: direct.current_interval(
                    tables["pore slab", species], direct.pooled_rate
                ).at(0)
                for species in direct.species_of(ensemble.model)
            },
        )
    return best[1]


def verdict(found: Interval, passed: Interval) -> str:
    """Say whether the current of the mean force agrees with the direct one, nA both.

    Agreement of intervals that span a factor is that of a factor, and is said so.
    """
    if not np.isfinite([found.low, found.high]).all():
        return "no interval of the mean force's current: two seeds at least"
    if not np.isfinite([passed.low, passed.high]).all():
        return "no interval of the direct current: two seeds at least"
    shown = f"{_shown(found)} nA by the mean force, {_shown(passed)} nA directly"
    gap = difference(found, passed)
    if passed.low <= 0 <= passed.high:
        word = "within the direct current's bound"
        return f"{word if gap.low <= 0 <= gap.high else 'outside ' + word[7:]}: {shown}"
    crosses = found.low <= 0 <= found.high
    if not crosses and (found.value > 0) == (passed.value > 0):
        # An interval of a logarithm is symmetric, the one of an exponential is not.
        gap = difference(_logarithm(found), _logarithm(passed))
    if not gap.low <= 0 <= gap.high:
        return f"disagrees, ratio {float(found.value / passed.value):.2g}: {shown}"
    ends = np.abs([found.low, found.high, passed.low, passed.high]).reshape(2, 2)
    wide = max(float(pair.max() / max(pair.min(), 1e-300)) for pair in ends)
    if crosses or wide > WIDE:
        told = "an interval that holds 0" if crosses else f"intervals of a factor {wide:.2g}"
        return f"agrees, within {told}, which says little: {shown}"
    return f"agrees: {shown}"


def _logarithm(found: Interval) -> Interval:
    """Logarithm of the size of what lies on one side of 0."""
    low, high = sorted((abs(float(found.low)), abs(float(found.high))))
    return Interval(*(np.log(np.asarray(v)) for v in (abs(float(found.value)), low, high)))


def _shown(found: Interval) -> str:
    return "{:.3g} [{:.3g}, {:.3g}]".format(*found.triple())


def _findings(table: pd.DataFrame, held: list[Ensemble]) -> dict[str, Any]:
    found: dict[str, Any] = {"limits": LIMITS}
    for row in table[table.quantity.isin(["current", "direct current"])].to_dict("records"):
        key = f"{row['ion']} {row['quantity']} at {row['field_V_per_nm']:g} V/nm (nA)"
        found[key] = [row["value"], row["low"], row["high"]]
        if row["quantity"] == "current" and row["statement"]:
            found[f"{row['ion']} at {row['field_V_per_nm']:g} V/nm, caution"] = row["statement"]
    charges, ions = held[0].model.ion_charges, set(table.ion) - {"total"}
    absent = [ion for ion in charges if ion not in set(table[table.quantity == "current"].ion)]
    if absent and ions:
        found["no total"] = f"{', '.join(absent)} was not held: a barrier with its ion makes it"
    judged = table[table.quantity == "verdict"]
    whole = judged[judged.ion == "total"]
    texts = [
        f"{row['ion']} at {row['field_V_per_nm']:g} V/nm: {row['statement']}"
        for row in (whole if len(whole) else judged).to_dict("records")
    ]
    found["verdict"] = "; ".join(texts) or found.get("no total", "")
    return found


# --- figure ------------------------------------------------------------------------------------

#: Up to this size currents are drawn on a linear scale, nA; else, above 1 nA, on a logarithmic one.
_LINEAR_NA = 10.0
_STYLES = {"current": ("mean force", "o"), "direct current": ("direct", "s")}


def _figure(title: str, table: pd.DataFrame) -> Figure:
    row, says = [], _reasons(table)
    for quantity, label in (("PMF", "w (kJ/mol), field included"), ("diffusion", "D (nm$^2$/ps)")):
        rows = table[(table.quantity == quantity) & np.isfinite(table.value)]
        why = "" if len(rows) else f"no {quantity}: {says}"
        row.append(Panel(partial(_profiles, rows=rows, label=label), why))
    currents = table[table.quantity.isin(list(_STYLES)) & np.isfinite(table.value)]
    why = "" if len(currents) else f"no current: {says}"
    row.append(Panel(partial(_currents, rows=currents), why))
    return panels(f"{title}, bars 95 %. Limits: {LIMITS}", [row])


def _reasons(table: pd.DataFrame) -> str:
    """Why currents of held ions have no value, each reason once."""
    none = table[(table.quantity == "current") & ~np.isfinite(table.value)]
    return "; ".join(dict.fromkeys(none.statement))


def _profiles(axis: Axes, rows: pd.DataFrame, label: str) -> None:
    for k, (_, own) in enumerate(rows.groupby(["ion", "field_V_per_nm"], sort=False)):
        ion, field = own.ion.iloc[0], own.field_V_per_nm.iloc[0]
        style = ("-", "--", ":", "-.")[k % 4]
        axis.plot(
            own.x_nm, own.value, style, color=COLORS[ion], label=f"{label_of(ion)}, {field:g} V/nm"
        )
        band(axis, own.x_nm, own.low, own.high, COLORS[ion])
    axis.set(xlabel="x (nm)", ylabel=label)
    if (rows.quantity == "diffusion").all():
        log_y(axis)  # its interval is that of its logarithm
    legend(axis)


def _currents(axis: Axes, rows: pd.DataFrame) -> None:
    """Draw all currents side by side at each field."""
    groups = rows.groupby(["quantity", "ion"], sort=False)
    fields = np.unique(rows.field_V_per_nm)
    step = 0.05 * (np.diff(fields).min() if len(fields) > 1 else 1.0)
    for k, ((quantity, ion), own) in enumerate(groups):
        name, marker = _STYLES[str(quantity)]
        color = COLORS[str(ion)]
        style: dict[str, Any] = {
            "fmt": marker,
            "color": color,
            "label": f"{label_of(str(ion))}, {name}",
        }
        style["mfc"] = color if quantity == "current" else "none"
        low, high = own.low.fillna(own.value), own.high.fillna(own.value)
        beside = own.field_V_per_nm + step * (k - 0.5 * (groups.ngroups - 1))
        bars(axis, beside, own.value, low, high, **style)
    zero_lines(axis, x=False)
    # Over a barrier an interval may span decades, while a direct current's may hold 0.
    if max(map(abs, axis.get_ylim())) > _LINEAR_NA:
        axis.set_yscale("symlog", linthresh=1.0)
        axis.yaxis.set_major_formatter("{x:g}")
    axis.set(xlabel="E (V/nm)", ylabel="I (nA)", xticks=fields)
    legend(axis, columns=2)
