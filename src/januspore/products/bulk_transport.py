"""Diffusion, conductivity and dielectric constant of a bulk liquid.

Diffusion from mean square displacements across the field, with what the periodic box takes from it
added (Yeh and Hummer 2004). Conductivity without a field from the squared displacement of all
charge (Einstein), beside the Nernst-Einstein estimate, which leaves out the correlations of ions;
in a field from the charge that it moves. The dielectric constant of a liquid without ions and field
from the fluctuations of its dipole.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..analysis.bulk import dielectric_constant, is_ambient, species_of
from ..analysis.diffusion import (
    M2_PER_S,
    VISCOSITY_MPA_S,
    box_correction,
    einstein_conductivity,
    field_conductivity,
    slope,
)
from ..analysis.statistics import Interval, bootstrap, shown
from ..model.system import Model
from ..protocols import required
from .drawing import COLORS, NOT_NEGATIVE, Panel, band, legend, panels
from .ensemble import Content, Ensemble

Tables = dict[str, NDArray]

#: Lags between which slopes are read, ps: of molecules beyond the cages that they leave in a few
#: ps; of the charge, which forgets sooner and whose long lags are noise.
MOLECULES_PS = (20.0, 100.0)
CHARGE_PS = (5.0, 30.0)
#: Diffusion coefficients are told in 1e-9 m^2/s.
_NANO = 1e9 * M2_PER_S


def make(ensemble: Ensemble) -> Content:
    """Read the slopes of mean square displacements, the current and the dipole's fluctuations."""
    sums = ensemble.sums("bulk.h5")
    tables = _across(sums, field=_field(ensemble))
    lag = sums["lag_ps"][0]
    table = _table(ensemble, lag, tables)
    findings = _diffusion(ensemble, lag, tables) | _dielectric(ensemble, sums)
    if len(ensemble.model.ions):
        findings |= _conductivity(ensemble, sums, lag, tables)
    findings = {name: found for name, found in findings.items() if _is_known(found)}
    findings["verdict"] = _verdict(ensemble, findings)
    return Content(table, _figure(ensemble, table), findings)


def _is_known(found: Any) -> bool:
    """Whether a number is there: a run may be too short for a slope."""
    return bool(np.isfinite(found[0] if isinstance(found, list) else found))


def _field(ensemble: Ensemble) -> float:
    return required(ensemble.point.protocol.bulk, "bulk").field_V_per_nm


def _across(sums: Tables, field: float) -> Tables:
    """Squares averaged over directions without drift: all without a field, else y and z.

    Returns:
        `molecules`, nm^2, (seeds, species, lags), and `charge`, e^2 nm^2, (seeds, lags).
    """
    first = 1 if field else 0
    return {
        "molecules": sums["squares"][..., first:].mean(axis=-1),
        "charge": sums["charge"][..., first:].mean(axis=-1),
    }


def _over_seeds(tables: Tables, estimator: Callable[[Tables], NDArray]) -> Interval:
    """An estimate from the means over seeds of tables (seeds, ...), shape (k,), with interval."""

    def of_means(sums: Tables) -> NDArray:
        counts = sums["seeds"]
        return estimator({name: (v.T / counts).T for name, v in sums.items() if name != "seeds"})

    seeds = np.ones(len(next(iter(tables.values()))))
    return bootstrap({**tables, "seeds": seeds}, of_means)


def _table(ensemble: Ensemble, lag: NDArray, tables: Tables) -> pd.DataFrame:
    curves = {name: tables["molecules"][:, k] for k, name in enumerate(species_of(ensemble.model))}
    if len(ensemble.model.ions):
        curves["charge"] = tables["charge"]
    frames = []
    for name, values in curves.items():
        found = _over_seeds({"squares": values}, lambda mean: mean["squares"])
        own = {"of": name, "lag_ps": lag, "squares": found.value}
        frames.append(pd.DataFrame(own | {"low": found.low, "high": found.high}))
    table = pd.concat(frames, ignore_index=True)
    table["unit"] = np.where(table["of"] == "charge", "e2 nm2", "nm2")
    table["seeds"] = len(ensemble.jobs)
    return table


# --- numbers -------------------------------------------------------------------------------------


def _diffusion(ensemble: Ensemble, lag: NDArray, tables: Tables) -> dict[str, Any]:
    temperature = ensemble.point.protocol.dynamics.temperature_K
    box = box_correction(temperature, float(ensemble.model.box[0]), VISCOSITY_MPA_S) * _NANO
    ambient = is_ambient(temperature)  # the viscosity is not known elsewhere
    found: dict[str, Any] = {"box_correction_1e-9_m2_per_s": box} if ambient else {}
    for k, name in enumerate(species_of(ensemble.model)):
        one = {"squares": tables["molecules"][:, k]}
        own = _over_seeds(one, lambda mean: slope(lag, mean["squares"], MOLECULES_PS)[:, None] / 2)
        in_box = own.at(0).scaled(_NANO)
        found[f"D_{name}_in_box_1e-9_m2_per_s"] = in_box.triple()
        if ambient:
            found[f"D_{name}_1e-9_m2_per_s"] = in_box.changed(lambda end: end + box).triple()
    return found


def _dielectric(ensemble: Ensemble, sums: Tables) -> dict[str, Any]:
    if len(ensemble.model.ions) or _field(ensemble):
        return {}
    volume = float(np.prod(ensemble.model.box))
    temperature = ensemble.point.protocol.dynamics.temperature_K

    def constant(mean: Tables) -> NDArray[np.float64]:
        square = mean["dipole_square"].sum(axis=-1, keepdims=True)
        return dielectric_constant(square, volume, temperature)

    found = _over_seeds({"dipole_square": sums["dipole_square"]}, constant)
    return {"dielectric_constant": found.at(0).triple()}


def _conductivity(ensemble: Ensemble, sums: Tables, lag: NDArray, tables: Tables) -> dict[str, Any]:
    model, volume = ensemble.model, float(np.prod(ensemble.model.box))
    temperature = ensemble.point.protocol.dynamics.temperature_K
    weights = _charge_squares(model)

    def einstein(mean: Tables) -> NDArray[np.float64]:
        own = slope(lag, mean["charge"], CHARGE_PS)
        return einstein_conductivity(own[:, None], volume, temperature)

    def nernst_einstein(mean: Tables) -> NDArray[np.float64]:
        own = slope(lag, mean["molecules"], MOLECULES_PS) @ weights
        return einstein_conductivity(own[:, None], volume, temperature)

    found = {
        "conductivity_einstein_S_per_m": _over_seeds(tables, einstein).at(0).triple(),
        "conductivity_nernst_einstein_S_per_m": _over_seeds(tables, nernst_einstein).at(0).triple(),
        # What the correlations of different ions add; mostly below 0, as they go in pairs.
        "conductivity_distinct_S_per_m": _over_seeds(
            tables, lambda mean: einstein(mean) - nernst_einstein(mean)
        )
        .at(0)
        .triple(),
    }
    if _field(ensemble):
        found |= _in_field(ensemble, sums, volume)
        found["conductivity_S_per_m"] = found["conductivity_field_S_per_m"]
    else:
        found["conductivity_S_per_m"] = found["conductivity_einstein_S_per_m"]
    return found


def _charge_squares(model: Model) -> NDArray[np.float64]:
    """Sum of q^2 of each of `species_of`, e^2, shape (species,); that of water is 0."""
    ions = [q**2 * len(model.indices(name)) for name, q in model.ion_charges.items()]
    return np.array([0.0, *ions])


def _in_field(ensemble: Ensemble, sums: Tables, volume: float) -> dict[str, Any]:
    """Conductivity of all ions and of each kind.

    That of all is from the charge that the record counted, which contains no motion of the whole
    liquid, as the liquid is neutral. That of one kind of ion is relative to the centre of mass, as
    nothing holds that: its thermal velocity would be as large as the ions' in a low field.
    """
    recorded, field, model = ensemble.sums(), _field(ensemble), ensemble.model

    def of(charge: NDArray, time: NDArray) -> Interval:
        own = {"charge": charge[:, None], "time": time[:, None]}
        return _over_seeds(
            own, lambda mean: field_conductivity(mean["charge"], mean["time"], volume, field)
        ).at(0)

    # The record is summed by segment of the programme: the relaxation, then the run.
    both = [recorded[f"{ion}_cell_e_nm"][:, 1, 0] for ion in model.ion_charges]
    every = of(np.add.reduce(both), recorded["time_ps"][:, 1, 0])
    found = {"conductivity_field_S_per_m": every.triple()}
    if "drift" not in sums:  # an analysis made before it was taken
        return found
    for k, (ion, charge) in enumerate(model.ion_charges.items()):
        moved = charge * len(model.indices(ion)) * sums["drift"][:, k, 0]
        own = of(moved, sums["drift_ps"])
        found[f"conductivity_field_{ion}_S_per_m"] = own.triple()
    return found


def _verdict(ensemble: Ensemble, findings: dict[str, Any]) -> str:
    told = (
        ("D of water", "D_water_1e-9_m2_per_s", " 1e-9 m2/s"),
        ("dielectric constant", "dielectric_constant", ""),
        ("conductivity", "conductivity_S_per_m", " S/m"),
    )
    parts = [
        f"{name} {shown(findings[key])}{unit}"
        for name, key, unit in told
        if key in findings and np.isfinite(findings[key][1])
    ]
    if len(ensemble.jobs) < 2:
        return "one seed gives no interval"
    if "D_water_in_box_1e-9_m2_per_s" not in findings:
        parts.append(f"too short for diffusion: it needs lags of {np.mean(MOLECULES_PS):g} ps")
    return "; ".join(parts)


# --- figure --------------------------------------------------------------------------------------


def _figure(ensemble: Ensemble, table: pd.DataFrame) -> Figure:
    charge = table[table["of"] == "charge"]

    def molecules(axis: Axes) -> None:
        for name, own in table[table["of"] != "charge"].groupby("of", sort=False):
            _curve(axis, own, str(name), COLORS.get(str(name), COLORS["O"]))
        axis.axvspan(*MOLECULES_PS, color="0.95", lw=0, zorder=0)
        axis.set(xlabel="lag (ps)", ylabel="mean square displacement (nm$^2$)", ylim=(0, None))
        legend(axis, "along one direction")

    def carried(axis: Axes) -> None:
        _curve(axis, charge, "all ions", COLORS["total"])
        axis.axvspan(*CHARGE_PS, color="0.95", lw=0, zorder=0)
        axis.set(xlabel="lag (ps)", ylabel="squared displacement (e$^2$ nm$^2$)", ylim=(0, None))
        legend(axis, "of all charge together")

    title = f"{ensemble.title}; {ensemble.seeds}, bands 95 %; shaded: where slopes are read"
    without = "" if len(charge) else "No ions: no charge moves."
    return panels(title, [[Panel(molecules), Panel(carried, without)]])


def _curve(axis: Axes, own: pd.DataFrame, label: str, color: str) -> None:
    axis.plot(own.lag_ps, own.squares, lw=1.2, label=label, color=color)
    band(axis, own.lag_ps, own.low, own.high, color, NOT_NEGATIVE)
