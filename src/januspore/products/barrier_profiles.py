"""Mean forces of a barrier's ensemble by field and window, and the PMFs that follow from them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..analysis.barrier import Means, over_seeds, way_of
from ..analysis.pmf import (
    Barrier,
    longest_stretch,
    spline_weights,
    trapezoid_weights,
)
from ..engines.base import PARTS
from ..protocols.windows import Windows

#: Profiles that barriers are looked for in.
PROFILES = ("whole", "without field")
#: Sums of forces and parts that have means of their own.
FORCES = ("total", "total_without_field", *PARTS, "water", "membrane", "sum")


@dataclass(frozen=True)
class Profiles:
    """Mean forces of one ensemble, and the quantities derived from them, by field and window."""

    windows: Windows
    sums: dict[str, NDArray]
    equilibrations: list[int]

    @cached_property
    def means(self) -> dict[str, Means]:
        """Means of every series by name, those of `FORCES` and "cosine"."""
        names = {name: name for name in (*FORCES[2:], "cosine")} | {"total": "tether"}
        means = {
            name: over_seeds(self.sums, own, self.equilibrations) for name, own in names.items()
        }
        means["total_without_field"] = means["total"].less(means["field"])
        return means

    @property
    def fields(self) -> NDArray:
        """Held fields, V/nm."""
        return np.array(self.windows.fields_V_per_nm)

    @cached_property
    def x(self) -> NDArray:
        """Mean positions of the ion, nm, shape (fields, positions); NaN where not sampled."""
        return np.asarray(self.sums["x_nm"].mean(axis=0))

    def stretch(self, f: int) -> slice:
        """The longest range of windows of a field without a gap; the PMF is integrated over it."""
        return longest_stretch(
            np.isfinite(self.means["total"].value[f] + self.means["sum"].value[f])
        )

    def way(self, f: int) -> int:
        """Direction in which a field drives the ion."""
        return way_of(self.windows.ion, float(self.fields[f]))

    def weights(self, f: int, spline: bool = False) -> NDArray:
        """Weights of the PMF at every window of a field, shape (positions, fields, positions).

        NaN outside that range, as a PMF cannot be integrated across a gap.
        """
        n, part = len(self.x[f]), self.stretch(f)
        weights = np.zeros((n, len(self.fields), n))
        weights[:, f] = np.nan
        rule = spline_weights if spline else trapezoid_weights
        weights[part, f] = 0.0
        weights[part, f, part] = rule(self.x[f, part])
        return weights

    def between(self, f: int, start: int, end: int, spline: bool = False) -> NDArray:
        """Weights of the PMF's rise from one window to another, shape (fields, positions)."""
        weights = self.weights(f, spline)
        return np.asarray(weights[end] - weights[start])

    def quadrature(self, f: int) -> float:
        """Largest effect of the quadrature rule on a difference of the PMF, kJ/mol."""
        change = self.weights(f, True) - self.weights(f)
        gap = self.means["total"].estimate(change).value
        return float(np.nanmax(gap) - np.nanmin(gap)) if np.isfinite(gap).any() else 0.0

    def mean_along(self, f: int, barrier: Barrier) -> NDArray:
        """Weights of the mean over a barrier's windows, along the field, as `between`."""
        first, last = sorted((barrier.minimum, barrier.maximum))
        weights = np.zeros((len(self.fields), self.x.shape[1]))
        weights[f, first : last + 1] = (-1.0 if self.fields[f] < 0 else 1.0) / (last + 1 - first)
        return weights

    @cached_property
    def barriers(self) -> dict[tuple[str, int], Barrier | None]:
        """Barriers by profile and field, windows numbered from the first of all. None: no PMF."""
        names = dict(zip(PROFILES, ("total", "total_without_field"), strict=True))
        return {
            (profile, f): self.means[name].barrier(
                self.x[f, self.stretch(f)], f, self.stretch(f), self.way(f)
            )
            for profile, name in names.items()
            for f in range(len(self.fields))
        }
