"""Currents of the Nernst-Planck equation from sums over seeds, with their intervals.

Everything that goes into a current comes from the seeds of one ensemble of held ions, so one
bootstrap over seeds carries all of it: the mean forces, the diffusion coefficients and the
densities at the ends. A current over a barrier is an exponential of a noisy rise, so its interval
is that of its logarithm wherever the resamples agree about its direction.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..units import BOLTZMANN, E_PER_PS
from .nernst_planck import (
    END_HALF_NM,
    cylinder_area,
    held_diffusion,
    share_in_cylinder,
    steady_flux,
)
from .statistics import BATCHES, Interval, bootstrap

Tables = Mapping[str, NDArray]

#: Windows' means that go into a current, and the sums of `nernst_planck.end_counts`.
SERIES = ("tether", "x_nm", "x_nm_spread", "x_nm_slow")


@dataclass(frozen=True)
class Held:
    """What one ensemble of held ions is, besides its sums.

    Attributes:
        charge_e: of the ion.
        temperature_K: of the simulation.
        radius_nm, stiffness_kJ_per_mol_nm2: of the tether.
        across_nm2: area of the cell across x.
        ions: how many of the species there are, the held one among them.
        mouth_nm: half of the pore's length.
    """

    charge_e: float
    temperature_K: float
    radius_nm: float
    stiffness_kJ_per_mol_nm2: float
    across_nm2: float
    ions: int
    mouth_nm: float

    @property
    def kT(self) -> float:
        """kJ/mol."""
        return BOLTZMANN * self.temperature_K

    @property
    def area_nm2(self) -> float:
        """Cross-section of the cylinder."""
        return cylinder_area(self.radius_nm, self.stiffness_kJ_per_mol_nm2, self.kT)

    def share(self, x: NDArray) -> NDArray[np.float64]:
        """Share of the flux that is in the cylinder, by x."""
        least = self.area_nm2 / self.across_nm2
        return share_in_cylinder(x, self.radius_nm, self.mouth_nm, least)


def tables_of(sums: Tables, f: int, part: slice, window_ps: float) -> dict[str, NDArray]:
    """Tables of one field by seed, of the windows in `part`; they may be added up over seeds.

    Args:
        sums: of `barrier.by_window` and `nernst_planck.end_counts`, shape (seeds, fields, ...).
        f: index of the field.
        part: windows without a gap.
        window_ps: for how long each was sampled.
    """
    tables = {name: sums[name][:, f, part] for name in SERIES}
    tables |= {name: sums[name][:, f] for name in ("end_frames", "end_ions")}
    each = np.ones((len(sums["tether"]), 1))
    return tables | {"seeds": each, "batch_ps": each * window_ps / BATCHES}


def concentration(tables: Tables, held: Held) -> NDArray[np.float64]:
    """Ions per nm^3 about the first and the last window, shape (b, 2); NaN without frames.

    The held ion is one of the species, so the free ones are a share of what would be there.
    """
    share = held.ions / max(held.ions - 1, 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        per_frame = tables["end_ions"] / tables["end_frames"]
    return np.asarray(per_frame * share / (2 * END_HALF_NM * held.across_nm2))


def diffusion(tables: Tables) -> NDArray[np.float64]:
    """D of each window, nm^2/ps, shape (b, n)."""
    seeds = tables["seeds"]
    spread, slow, batch = (
        tables[name] / seeds for name in ("x_nm_spread", "x_nm_slow", "batch_ps")
    )
    return held_diffusion(spread, slow, float(batch.flat[0]))


def current(tables: Tables, held: Held, x: NDArray) -> NDArray[np.float64]:
    """Current of the species towards +x, nA, shape (b, 1).

    Args:
        tables: see `tables_of`, added up over seeds, shape (b, ...).
        held: the ensemble.
        x: mean positions of the windows, nm, shape (n,).
    """
    ends = concentration(tables, held) * held.area_nm2
    force = tables["tether"] / tables["seeds"]
    flux = steady_flux(x, force, diffusion(tables), ends, held.kT, held.share)
    return np.asarray(held.charge_e * E_PER_PS * flux[:, None])


def current_interval(tables: Tables, held: Held, x: NDArray, way: int) -> Interval:
    """Current with its interval over seeds, nA, shape (1,).

    Args:
        tables: by seed, see `tables_of`.
        held: the ensemble.
        x: mean positions of the windows, nm, shape (n,).
        way: sign of the current that the field drives; 0 at no field.
    """

    def plain(sums: dict[str, NDArray]) -> NDArray:
        return current(sums, held, x)

    def logarithm(sums: dict[str, NDArray]) -> NDArray:
        along = way * plain(sums)
        return np.log(np.where(along > 0, along, np.nan))

    if way:
        found = bootstrap(dict(tables), logarithm)
        if np.isfinite(found.low).all():
            ends = found.exp()
            return ends if way > 0 else Interval(-ends.value, -ends.high, -ends.low)
    return bootstrap(dict(tables), plain)
