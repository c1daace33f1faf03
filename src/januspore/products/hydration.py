"""Hydration of the ions in bulk, mouth and pore, and density profiles, from the kept frames."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..analysis.hydration import (
    MERGED,
    PROFILES,
    R_CENTRES,
    REGIONS,
    WINDOWS,
    first_shell_nm,
    profile_edges,
    profile_species,
)
from ..analysis.statistics import Interval, bootstrap, poisson
from ..materials import label_of
from ..protocols import required
from .drawing import COLORS, NOT_NEGATIVE, Panel, band, bars, legend, panels, shades
from .ensemble import Content, Ensemble

Tables = dict[str, NDArray]
_PROFILE_COLORS = {"low": "0.5", "+": "tab:orange", "-": "tab:cyan"}


def make(ensemble: Ensemble) -> Content:
    """Combine the frames of all seeds: g(r), coordination, occupancy, density profiles."""
    sums = ensemble.sums("hydration.h5")
    amplitude, ions = amplitude_of(ensemble), tuple(ensemble.model.ion_charges)
    parts = [
        _radial(sums, ions),
        _coordination(sums, ions, amplitude),
        _occupancy(sums, ions, amplitude),
        _profiles(sums, profile_species(ensemble.model), amplitude, ensemble.model.box),
    ]
    table = pd.concat(parts, ignore_index=True)
    table["seeds"] = len(ensemble.jobs)
    return Content(table, _figure(ensemble, table, sums), _findings(sums, ions))


def amplitude_of(ensemble: Ensemble) -> float:
    """Amplitude of the ensemble's periodic field, V/nm."""
    return required(ensemble.point.protocol.cycle, "cycle").amplitude_V_per_nm


def _ratio(tables: Tables, above: str, below: str) -> NDArray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return tables[above] / tables[below]


def _rows(quantity: str, unit: str, found: Interval, **columns: Any) -> pd.DataFrame:
    ends = {"value": found.value, "low": found.low, "high": found.high}
    return pd.DataFrame({"quantity": quantity, "unit": unit} | columns | ends)


# --- g(r) and coordination ---------------------------------------------------------------------


def _radial(sums: Tables, ions: Sequence[str]) -> pd.DataFrame:
    found = bootstrap(sums, partial(_ratio, above="pairs", below="ideal"))
    return pd.concat(
        _rows(
            "ion-O g(r)",
            "1",
            found.at(i),
            species=name,
            region="bulk",
            position_nm=R_CENTRES,
            count=sums["pairs"][:, i].sum(axis=0),
        )
        for i, name in enumerate(ions)
    )


def pooled(sums: Tables) -> Tables:
    """Ions and shell waters by ion and region, a last window "any field" added."""
    return {
        name: np.concatenate([sums[name], sums[name].sum(axis=-1, keepdims=True)], axis=-1)
        for name in ("ions", "shell", "frames")
    }


def coordination(tables: Tables) -> Interval:
    """First-shell waters of an ion, shape (ions, REGIONS, WINDOWS + 1).

    An interval is at least as wide as one water on one of the counted ions: where all ions have the
    same number of waters, resampling alone would give no width.
    """
    found = bootstrap(tables, partial(_ratio, above="shell", below="ions"))
    with np.errstate(divide="ignore"):
        least = 1.0 / tables["ions"].sum(axis=0)
    low, high = np.minimum(found.low, found.value - least), np.maximum(found.high, found.value)
    return Interval(found.value, low, np.maximum(high, found.value + least))


def none_seen(name: str, region: str, frames: float) -> str:
    """Text for a region in which no ion was found."""
    where = {"bulk": "in the bulk", "mouth": "at the pore's mouths", "pore": "in the pore"}
    return f"no {name} {where[region]} in {frames:.0f} frames"


def statement(name: str, region: str, ions: float, frames: float, found: NDArray) -> str:
    """Text on the data behind one coordination number (value, low, high)."""
    if frames == 0:
        return "no frames at this field"
    if ions == 0:
        return none_seen(name, region, frames)
    if not np.isfinite(found[1]):
        return f"{ions:.0f} ions in {frames:.0f} frames: too few seeds with one for an interval"
    return f"{ions:.0f} ions in {frames:.0f} frames"


def _windows(amplitude: float) -> tuple[NDArray, NDArray]:
    """Ends of the windows of |E|, and of a last window that covers all of them."""
    edges = np.arange(WINDOWS + 1) * amplitude / WINDOWS
    return np.append(edges[:-1], 0.0), np.append(edges[1:], amplitude)


def _coordination(sums: Tables, names: Sequence[str], amplitude: float) -> pd.DataFrame:
    tables = pooled(sums)
    found = coordination(tables)
    low, high = _windows(amplitude)
    ions, frames = tables["ions"].sum(axis=0), tables["frames"].sum(axis=0)
    parts = []
    for i, name in enumerate(names):
        for k, region in enumerate(REGIONS):
            one = found.at(i, k)
            triples = np.stack([one.value, one.low, one.high], axis=1)
            says = [
                statement(name, region, *counts)
                for counts in zip(ions[i, k], frames, triples, strict=True)
            ]
            columns = {"species": name, "region": region, "statement": says, "count": ions[i, k]}
            fields = {"field_low_V_per_nm": low, "field_high_V_per_nm": high}
            parts.append(_rows("first-shell waters of an ion", "1", one, **columns, **fields))
    return pd.concat(parts)


def _occupancy(sums: Tables, names: Sequence[str], amplitude: float) -> pd.DataFrame:
    """Mean number of ions in a region; without any ion, the upper bound of a zero count."""
    tables = pooled(sums)
    low, high = _windows(amplitude)
    tables["per_frame"] = np.broadcast_to(
        tables["frames"][:, None, None, :], tables["ions"].shape
    ).copy()
    found = bootstrap(tables, partial(_ratio, above="ions", below="per_frame"))
    count, frames = tables["ions"].sum(axis=0), tables["per_frame"].sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        bound = poisson(np.zeros(1)).high[0] / frames
    lows = np.where(count == 0, 0.0, np.maximum(found.low, 0.0))
    highs = np.where(count == 0, bound, found.high)
    return pd.concat(
        _rows(
            "ions in the region",
            "1",
            Interval(found.value[i, k], lows[i, k], highs[i, k]),
            species=name,
            region=region,
            count=count[i, k],
            field_low_V_per_nm=low,
            field_high_V_per_nm=high,
        )
        for i, name in enumerate(names)
        for k, region in enumerate(REGIONS)
    )


# --- profiles ----------------------------------------------------------------------------------


def _profiles(sums: Tables, names: Sequence[str], amplitude: float, box: NDArray) -> pd.DataFrame:
    named = {
        "low": (0.0, amplitude / WINDOWS),
        "+": (amplitude / WINDOWS, amplitude),
        "-": (-amplitude, -amplitude / WINDOWS),
    }
    parts = []
    for p, which in enumerate(PROFILES):
        for i, name in enumerate(names):
            merged = 1 if name == "water" else MERGED
            edges = profile_edges(box)[::merged]
            counts = sums["profile"][:, p, i].reshape(len(sums["profile"]), -1, merged).sum(axis=2)
            part = _rows(
                "density along x",
                "1/nm3",
                density(counts, sums["profile_frames"][:, p], edges, box),
                species=name,
                region=f"{which} field",
                position_nm=(edges[1:] + edges[:-1]) / 2,
                count=counts.sum(axis=0),
                field_low_V_per_nm=named[which][0],
                field_high_V_per_nm=named[which][1],
            )
            parts.append(part)
    return pd.concat(parts)


def density(counts: NDArray, frames: NDArray, edges: NDArray, box: NDArray) -> Interval:
    """Molecules per nm^3 in slices of the box.

    Args:
        counts: molecules in each slice over all frames, shape (n_seeds, slices).
        frames: number of frames, shape (n_seeds,).
        edges: of the slices along x, nm, shape (slices + 1,).
        box: edges, nm, shape (3,).
    """
    volume = np.diff(edges) * box[1] * box[2]
    tables = {"n": counts / volume, "frames": np.repeat(frames[:, None], len(volume), axis=1)}
    return bootstrap(tables, partial(_ratio, above="n", below="frames"))


# --- findings ----------------------------------------------------------------------------------


def _findings(sums: Tables, names: Sequence[str]) -> dict[str, Any]:
    tables = pooled(sums)
    found = coordination(tables)
    ions, frames = tables["ions"].sum(axis=0)[..., -1], float(tables["frames"].sum(axis=0)[-1])
    findings: dict[str, Any] = {"frames": frames}
    for i, name in enumerate(names):
        for k, region in enumerate(REGIONS):
            triple = found.at(i, k, -1).triple()
            says = statement(name, region, ions[i, k], frames, np.array(triple))
            seen = frames > 0 and ions[i, k] > 0
            findings[f"waters about {name}, {region}"] = triple if seen else says
    findings["verdict"] = "; ".join(_dehydration(tables, i, name) for i, name in enumerate(names))
    return findings


def _dehydration(tables: Tables, i: int, name: str) -> str:
    """Whether an ion has fewer waters in the pore (or at its mouth) than in the bulk."""
    ions = tables["ions"].sum(axis=0)[i, :, -1]
    frames = float(tables["frames"].sum(axis=0)[-1])
    if ions[0] == 0:
        return none_seen(name, "bulk", frames)
    if len(tables["ions"]) < 2:
        return f"{name}: one seed gives no interval"
    inner = next((k for k in (2, 1) if ions[k] > 0), None)
    empty = "" if inner == 2 else none_seen(name, "pore", frames)
    if inner is None:
        return f"{empty}, and none at its mouths"

    def shed(t: Tables) -> NDArray:
        number = _ratio(t, "shell", "ions")[:, i, :, -1]
        return number[:, :1] - number[:, inner : inner + 1]

    lost = bootstrap(tables, shed).at(0)
    place = "in the pore" if inner == 2 else "at its mouths"
    says = f"{name} has {lost.shown('.1f')} fewer waters {place} than in the bulk"
    if not np.isfinite(lost.low):
        says = f"{name} {place}: too few seeds with one for an interval"
    return f"{empty}; {says}" if empty else says


# --- figure ------------------------------------------------------------------------------------


def _figure(ensemble: Ensemble, table: pd.DataFrame, sums: Tables) -> Figure:
    planes = ensemble.model.membrane_positions[:, 0]
    membrane = float(planes.min()), float(planes.max())
    ions = tuple(ensemble.model.ion_charges)
    top = [Panel(partial(_draw_radial, table=table, ions=ions))]
    for name in ions:
        rows = table[(table.quantity == "first-shell waters of an ion") & (table.species == name)]
        why = "" if rows["count"].any() else f"waters about {label_of(name)}: none in any frame"
        top.append(Panel(partial(_draw_coordination, rows=rows, name=name), why))
    bottom = [
        Panel(partial(_draw_profile, table=table, name=name, membrane=membrane))
        for name in profile_species(ensemble.model)
    ]
    frames = float(sums["frames"].sum())
    title = f"{ensemble.title}; {ensemble.seeds}, {frames:.0f} frames, bars and bands 95 %"
    return panels(title, [top, bottom])


def _draw_radial(axis: Axes, table: pd.DataFrame, ions: Sequence[str]) -> None:
    for name in ions:
        rows = table[(table.quantity == "ion-O g(r)") & (table.species == name)]
        color = COLORS[name]
        axis.plot(rows.position_nm, rows.value, color=color, label=label_of(name))
        band(axis, rows.position_nm, rows.low, rows.high, color, NOT_NEGATIVE)
        axis.axvline(first_shell_nm(name), color=color, ls=":", lw=1)
    axis.axhline(1, color="0.7", lw=0.5)
    axis.set(xlabel="r (nm); dotted: first shell's end", ylabel="ion-O g(r), bulk")
    axis.set_xlim(0.2, 0.6)
    axis.set_ylim(bottom=0)
    legend(axis)


def _draw_coordination(axis: Axes, rows: pd.DataFrame, name: str) -> None:
    missing = []
    for k, (region, style) in enumerate(zip(REGIONS, ("o-", "s--", "D:"), strict=True)):
        part = rows[rows.region == region]
        windows = part.iloc[:WINDOWS]
        if not part["count"].any():
            missing.append(part.statement.iloc[-1])
            continue
        middle = (windows.field_low_V_per_nm + windows.field_high_V_per_nm) / 2
        low, high = (windows[end].fillna(windows.value) for end in ("low", "high"))
        color = shades(len(REGIONS))[k]
        bars(
            axis,
            middle + 0.02 * (k - 1),
            windows.value,
            low,
            high,
            NOT_NEGATIVE,
            fmt=style,
            color=color,
            label=region,
        )
    ylabel = f"waters within {first_shell_nm(name):g} nm of {label_of(name)}"
    axis.set(xlabel="\n".join(["|E| (V/nm)", *missing]), ylabel=ylabel)
    axis.set_ylim(0, 10)
    legend(axis)


def _draw_profile(
    axis: Axes, table: pd.DataFrame, name: str, membrane: tuple[float, float]
) -> None:
    rows = table[(table.quantity == "density along x") & (table.species == name)]
    least = float(rows.field_low_V_per_nm.max())
    titles = {"low": f"|E| < {least:g}", "+": f"E > {least:g}", "-": f"E < -{least:g} V/nm"}
    for which in PROFILES:
        part = rows[rows.region == f"{which} field"]
        color = _PROFILE_COLORS[which]
        axis.plot(part.position_nm, part.value, color=color, lw=1.2, label=titles[which])
        if part.seeds.max() > 2:  # with two seeds the band would cover the panel
            band(axis, part.position_nm, part.low, part.high, color, NOT_NEGATIVE)
    axis.axvspan(*membrane, color="0.9", zorder=0)
    axis.set_ylim(0, 1.15 * float(np.nanmax(rows.value.to_numpy(), initial=1e-9)))
    axis.set(xlabel="x (nm); grey: membrane", ylabel=f"{label_of(name)} (1/nm$^3$)")
    legend(axis)
