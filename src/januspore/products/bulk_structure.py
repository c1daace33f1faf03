"""Structure and pressure of a bulk liquid: g(r), hydration, contact pairs, the density at 1 bar."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..analysis.bulk import CONTACT_NM, is_ambient, pairs_of, r_edges
from ..analysis.hydration import first_shell_nm
from ..analysis.pressure import tail
from ..analysis.statistics import Interval, bootstrap, shown
from ..model.system import Model
from .drawing import (
    COLORS,
    NOT_NEGATIVE,
    Panel,
    band,
    legend,
    panels,
    shades,
)
from .ensemble import Content, Ensemble

#: kg/m^3 of one amu/nm^3.
_KG_PER_M3 = 1.66053907
#: Isothermal compressibility of water at 298 K, 1/bar, by which a pressure becomes a density. A
#: tenth more or less of it changes the density at 1 bar by 0.01 % for each 20 bar.
COMPRESSIBILITY_PER_BAR = 4.5e-5
#: Nearest that g(r) is looked at for its first peak, nm.
_FIRST_NM = 0.2


def make(ensemble: Ensemble) -> Content:
    """Average g(r), coordination, contact pairs and pressure over seeds."""
    sums, model = ensemble.sums("bulk.h5"), ensemble.model
    edges = r_edges(model.box)
    r = (edges[1:] + edges[:-1]) / 2
    g, around = mean_over_seeds(sums["g"]), mean_over_seeds(sums["around"])
    frames = [
        pd.DataFrame(
            {
                "pair": "-".join(pair),
                "r_nm": r,
                "g": g.value[k],
                "low": g.low[k],
                "high": g.high[k],
                "around": around.value[k],
                "seeds": len(ensemble.jobs),
            }
        )
        for k, pair in enumerate(pairs_of(model))
    ]
    table = pd.concat(frames, ignore_index=True)
    findings = _pressure(ensemble, sums) | _structure(model, sums, r, g.value)
    findings["verdict"] = _verdict(findings)
    return Content(table, _figure(ensemble, table), findings)


def mean_over_seeds(values: NDArray) -> Interval:
    """Mean of what each seed gives, shape (...) of (seeds, ...), with its interval."""
    flat = values.reshape(len(values), -1)
    tables = {"value": flat, "seeds": np.ones((len(flat), 1))}
    found = bootstrap(tables, lambda t: t["value"] / t["seeds"])
    return found.changed(lambda end: end.reshape(values.shape[1:]))


def density_kg_per_m3(model: Model) -> float:
    """Mass density of a box."""
    return float(model.mass.sum() / np.prod(model.box) * _KG_PER_M3)


def _pressure(ensemble: Ensemble, sums: dict[str, NDArray]) -> dict[str, Any]:
    """Density and pressure; the density at 1 bar only where the compressibility is known."""
    model, temperature = ensemble.model, ensemble.point.protocol.dynamics.temperature_K
    own, beyond = mean_over_seeds(sums["pressure_bar"]), tail(model)
    with_tail = own.changed(lambda p: p + beyond)
    density = density_kg_per_m3(model)
    found: dict[str, Any] = {
        "density_kg_per_m3": density,
        "pressure_bar": own.triple(),
        "tail_pressure_bar": beyond,
        "pressure_with_tail_bar": with_tail.triple(),
    }
    if is_ambient(temperature):
        found["density_at_1_bar_kg_per_m3"] = _at_1_bar(density, own).triple()
        found["density_at_1_bar_with_tail_kg_per_m3"] = _at_1_bar(density, with_tail).triple()
    return found


def _structure(model: Model, sums: dict[str, NDArray], r: NDArray, g: NDArray) -> dict[str, Any]:
    """First peaks of g(r), waters about ions, and ions that touch."""
    found: dict[str, Any] = {}
    for pair, own in zip(pairs_of(model), g, strict=True):
        name, peak = "-".join(pair), _first_peak(r, own)
        found[f"{name}_peak_nm"], found[f"{name}_peak"] = float(r[peak]), float(own[peak])
    for k, ion in enumerate(model.ion_charges if len(model.ions) else ()):
        found[f"{ion}_coordination"] = mean_over_seeds(sums["shell"][:, k]).triple()
    if len(model.ions):
        found["contact_share"] = mean_over_seeds(sums["contact"]).triple()
    return found


def _at_1_bar(density: float, pressure: Interval) -> Interval:
    """Density that the liquid would have at 1 bar; a higher pressure means a lower one."""
    at = [density * (1 - COMPRESSIBILITY_PER_BAR * (p - 1.0)) for p in pressure.triple()]
    return Interval.of(at[0], at[2], at[1])


def _first_peak(r: NDArray, g: NDArray) -> int:
    """Index of the highest g(r) of the first shell."""
    return int(np.argmax(np.where((r > _FIRST_NM) & (r < 0.5), g, -1.0)))


def _verdict(found: dict[str, Any]) -> str:
    if not np.isfinite(found["pressure_bar"][1]):
        return "one seed gives no interval"
    with_tail = shown(found["pressure_with_tail_bar"])
    text = f"{shown(found['pressure_bar'])} bar at {found['density_kg_per_m3']:.1f} kg/m3"
    text += f", with the attraction beyond the cut-off {with_tail} bar"
    if "density_at_1_bar_kg_per_m3" not in found:
        return text
    plain = shown(found["density_at_1_bar_kg_per_m3"], ".1f")
    corrected = shown(found["density_at_1_bar_with_tail_kg_per_m3"], ".1f")
    return text + f"; at 1 bar {plain} kg/m3, with it {corrected}"


# --- figure --------------------------------------------------------------------------------------


def _figure(ensemble: Ensemble, table: pd.DataFrame) -> Figure:
    pairs = [(str(pair), own) for pair, own in table.groupby("pair", sort=False)]

    def radial(axis: Axes) -> None:
        for color, (pair, own) in zip(shades(len(pairs)), pairs, strict=True):
            axis.plot(own.r_nm, own.g, lw=1.2, color=color, label=pair)
            band(axis, own.r_nm, own.low, own.high, color, NOT_NEGATIVE)
        axis.axhline(1, color="0.7", lw=0.5, zorder=0)
        axis.set(xlabel="r (nm)", ylabel="g(r)")
        legend(axis)

    def running(axis: Axes) -> None:
        for color, (pair, own) in zip(shades(len(pairs)), pairs, strict=True):
            axis.plot(own.r_nm, own.around, lw=1.2, color=color, label=pair)
        if len(ensemble.model.ions):
            for ion in ensemble.model.ion_charges:
                axis.axvline(first_shell_nm(ion), color=COLORS[ion], lw=0.7, ls="--")
            axis.axvline(CONTACT_NM, color="0.6", lw=0.7, ls=":")
        # Of ions about an ion there are few: a logarithm shows them beside the waters.
        axis.set(xlabel="r (nm)", ylabel="particles within r", yscale="log", ylim=(0.05, 100))
        legend(axis)

    title = f"{ensemble.title}; {ensemble.seeds}, bands 95 %"
    return panels(title, [[Panel(radial), Panel(running)]])
