"""Comparison of a device's predictions with runs that it was not fitted to."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..analysis.current import current_interval, rate
from ..analysis.orientation import mean_cosine
from ..analysis.statistics import Interval, bootstrap, student
from ..protocols.field import SineWave
from .fitted import Fitted
from .model import Device, settled_loop
from .runs import Tables, Unfitted

#: Frequencies per decade at which loops are computed.
_PER_DECADE = 6


@dataclass(frozen=True)
class Prediction:
    """One quantity of one protocol, as predicted and as simulated.

    Attributes:
        protocol, quantity: what is compared.
        bins: number of values compared.
        rms: root mean square deviation; where parameters are not fixed, at the worst combination
            of the ends of their ranges.
        rms_error: root mean square standard error of the simulation.
        chi_square: mean square deviation over mean square standard error, 1 if the deviations are
            only noise.
        explained: fraction of the variance over the bins that the prediction explains.
        inside: fraction of the bins whose 95 % interval contains the prediction.
        area: area of the predicted loop, at every combination of the ends of the ranges.
        seen_area: area of the simulated loop: value, low, high.
        beyond_V_per_nm: largest field of the protocol if it exceeds those held for the fit.
        values: by bin: the field, the prediction, and the simulation with its interval.
    """

    protocol: str
    quantity: str
    bins: int
    rms: float
    rms_error: float
    chi_square: float
    explained: float
    inside: float
    area: list[float] | None = None
    seen_area: list[float] | None = None
    beyond_V_per_nm: float | None = None
    values: dict[str, list[float]] = field(default_factory=dict)

    def in_words(self) -> str:
        """The numbers in one sentence."""
        text = (
            f"{self.protocol}, {self.quantity}: rms deviation {self.rms:.2g} (standard error "
            f"{self.rms_error:.2g}), chi square {self.chi_square:.2g}, "
            f"{self.inside:.0%} of {self.bins} inside"
        )
        if self.area is not None and self.seen_area is not None:
            text += f", explains {self.explained:.0%} of the variance"
            low, high = min(self.area), max(self.area)
            own = f"{low:.2g}" if low == high else f"{low:.2g} to {high:.2g}"
            text += "; loop area {}, simulated {:.2g} [{:.2g}, {:.2g}]".format(own, *self.seen_area)
        if self.beyond_V_per_nm is not None:
            text += f"; at {self.beyond_V_per_nm:g} V/nm, beyond the fields that were held"
        return text


def predicted(device: Device, unfitted: Unfitted) -> tuple[NDArray, NDArray]:
    """Return the predicted mean order and mean current, nA, of every bin."""
    order, current = np.zeros((2, len(unfitted.times_ps)))
    programmes = {id(own): own for own, _ in unfitted.times_ps}
    for key, programme in programmes.items():
        mine = [k for k, (own, _) in enumerate(unfitted.times_ps) if id(own) == key]
        times = np.unique(np.concatenate([unfitted.times_ps[k][1] for k in mine]))
        applied = np.array([programme.value(t) for t in times])
        s = device.solve(programme, times)
        amperes = device.current(applied, s)
        for k in mine:
            at = np.searchsorted(times, unfitted.times_ps[k][1])
            order[k], current[k] = s[at].mean(), amperes[at].mean()
    return order, current


def compare(fitted: Fitted, unfitted: Unfitted) -> list[Prediction]:
    """Compare order, and current if it is known, with the simulation, over the ranges' ends."""
    each = [predicted(device, unfitted) for device in fitted.corners()]
    order = bootstrap({name: unfitted.seen[name] for name in ("cosine", "waters")}, mean_cosine)
    name = f"{unfitted.name} ({unfitted.told})"
    most = fitted.largest_V_per_nm
    orders = [one[0] for one in each]
    found = [_compare((name, "order"), orders, order, unfitted, mean_cosine, most)]
    if fitted.conductance is not None:
        nA, currents = current_interval(unfitted.seen, rate), [one[1] for one in each]
        found.append(_compare((name, "current (nA)"), currents, nA, unfitted, rate, most))
    return found


def _compare(
    what: tuple[str, str],
    each: Sequence[NDArray],
    seen: Interval,
    unfitted: Unfitted,
    of: Any,
    held_V_per_nm: float,
) -> Prediction:
    seeds = len(unfitted.seen["waters"])
    largest = float(np.abs(unfitted.field_V_per_nm).max())
    error = (seen.high - seen.low) / 2 / (student(seeds) if seeds > 1 else np.nan)
    known = np.isfinite(seen.value) & np.isfinite(error) & (error > 0)
    value, error = seen.value[known], error[known]
    variance = float(np.mean((value - value.mean()) ** 2)) if known.any() else np.nan
    worst = max(each, key=lambda own: float(np.sum((own[known] - value) ** 2)))[known]
    apart = worst - value
    inside = (seen.low[known] <= worst) & (worst <= seen.high[known])
    area = seen_area = None
    if unfitted.is_loop:
        applied = unfitted.field_V_per_nm
        area = [float(_area(own[None], applied)[0, 0]) for own in each]
        seen_area = (
            bootstrap(dict(unfitted.seen), partial(_seen_area, of=of, applied=applied))
            .at(0)
            .triple()
        )
    return Prediction(
        *what,
        int(known.sum()),
        float(np.sqrt(np.mean(apart**2))),
        float(np.sqrt(np.mean(error**2))),
        # Of mean squares: with few seeds the mean of single ratios has no finite expectation.
        float(np.mean(apart**2) / np.mean(error**2)),
        1 - float(np.mean(apart**2)) / variance if variance else float("nan"),
        float(inside.mean()) if known.any() else float("nan"),
        area,
        seen_area,
        largest if largest > held_V_per_nm + 1e-9 else None,
        {
            "field_V_per_nm": unfitted.field_V_per_nm[known].tolist(),
            "predicted": worst.tolist(),
            **{end: getattr(seen, end)[known].tolist() for end in ("value", "low", "high")},
        },
    )


def _seen_area(tables: Tables, of: Any, applied: NDArray) -> NDArray:
    return _area(of(tables), applied)


def _area(values: NDArray, applied: NDArray) -> NDArray[np.float64]:
    """Area of loops of values at equal phases, as in `model.Loop.area`, shape (b, 1)."""
    size, along = np.abs(applied), np.sign(applied) * values
    step = (np.roll(size, -1) - size) * (np.roll(along, -1, axis=-1) + along) / 2
    return np.asarray(-step.sum(axis=-1, keepdims=True))


def areas(fitted: Fitted) -> list[dict[str, Any]]:
    """Return the smallest and largest loop areas of order and current, by frequency.

    The fields are sines with the largest amplitude that was held. Frequencies go from a tenth of
    the one at which omega tau = 1 for the longest tau to ten times the one for the shortest. The
    areas are over all combinations of the ends of the ranges of what is not fixed.
    """
    devices = fitted.corners()
    tau = np.concatenate([[*d.forward_ps.values, *d.back_ps.values] for d in devices])
    low, high = 1e3 / (2 * np.pi * tau.max()) / 10, 1e3 / (2 * np.pi * tau.min()) * 10
    found = []
    for f in np.geomspace(low, high, max(int(np.log10(high / low) * _PER_DECADE), 8)):
        cycle = SineWave(1e3 / f, fitted.largest_V_per_nm, f)
        loops = [settled_loop(device, cycle) for device in devices]
        order = [loop.area(loop.order) for loop in loops]
        row = {"frequency_GHz": float(f), "order": [min(order), max(order)]}
        if fitted.conductance is not None:
            current = [loop.area(loop.current_nA) for loop in loops]
            row["current_nA_V_per_nm"] = [min(current), max(current)]
        found.append(row)
    return found


def plain(prediction: Prediction) -> dict[str, Any]:
    """Return a prediction as JSON values."""
    return asdict(prediction)
