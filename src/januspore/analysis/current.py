"""Currents: from charge displacement (whole cell, pore slab) and from completed crossings.

Every current is estimated from tables of sums by seed and bin (a phase of the cycle, a pulse):
`charge` (current times time, nA ps), `time` (ps), `field` (field times time, V/nm ps), and the
completed crossings that carried a positive (`plus`) or negative (`minus`) charge towards +x; each
of shape (seeds, bins).
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from ..model.system import Model
from ..protocols import Recording
from ..units import E_PER_PS
from .statistics import (
    LEVEL,
    Interval,
    bootstrap,
    difference,
    poisson,
    poisson_sum,
    summed,
)

Tables = dict[str, NDArray]

#: The column of the record that each estimator sums.
ESTIMATORS = {"pore slab": "slab", "whole cell": "cell"}
#: With fewer crossings than this, the spread over seeds underestimates the error of a current.
FEW_CROSSINGS = 20


def current(displacement_e_nm: NDArray, length_nm: float, time_ps: NDArray) -> NDArray:
    """I = sum q dx / (L t), nA (Aksimentiev and Schulten 2005); NaN where no time was recorded.

    Args:
        displacement_e_nm: sum q dx, any shape.
        length_nm: L: the box for the whole cell, twice the half width for the pore's slab.
        time_ps: time over which it was summed, same shape.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        return E_PER_PS * displacement_e_nm / (length_nm * time_ps)


def rate(tables: Tables) -> NDArray:
    """Current of every bin, nA, shape (n, bins); NaN where no time was recorded."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return tables["charge"] / tables["time"]


def pooled_rate(tables: Tables) -> NDArray:
    """Current over all bins together, nA, shape (n, 1); linear in the charge."""
    charge, time = (tables[name].sum(axis=1, keepdims=True) for name in ("charge", "time"))
    return np.asarray(charge / time)


def crossings(tables: Tables) -> int:
    """Completed crossings, of all seeds and bins, of the ions that a current is of."""
    return int(tables["plus"].sum() + tables["minus"].sum())


def species_of(model: Model) -> dict[str, dict[str, float]]:
    """Charges of the ions that carry each current: "total" of all ions, then each ion by itself."""
    charges = model.ion_charges
    return {"total": charges, **{ion: {ion: charge} for ion, charge in charges.items()}}


def _crossed(ion: str, charge: float) -> str:
    """Column of the crossings of an ion that carry a charge of this sign towards +x."""
    return f"{ion}_forward" if charge > 0 else f"{ion}_backward"


def current_tables(
    sums: Mapping[str, NDArray], recording: Recording, model: Model
) -> dict[tuple[str, str], Tables]:
    """Tables (see the module) of every current by (estimator, species).

    Args:
        sums: of the record by seed and bin, see `sums.grouped`.
        recording: gives the slab's width.
        model: gives the box and the ions.
    """
    length = {"pore slab": recording.slab_length_nm, "whole cell": float(model.box[0])}
    return {
        (estimator, species): {
            "charge": current(
                np.add.reduce([sums[f"{ion}_{column}_e_nm"] for ion in ions]),
                length[estimator],
                np.ones(1),
            ),
            "time": sums["time_ps"],
            "field": sums["field_ps"],
            "plus": np.add.reduce([sums[_crossed(ion, +q)] for ion, q in ions.items()]),
            "minus": np.add.reduce([sums[_crossed(ion, -q)] for ion, q in ions.items()]),
        }
        for estimator, column in ESTIMATORS.items()
        for species, ions in species_of(model).items()
    }


def current_interval(
    tables: Tables, estimator: Callable[[Tables], NDArray], level: float = LEVEL
) -> Interval:
    """Interval of an estimate that is linear in the charge, over seeds and from the crossings.

    Where an estimate rests on fewer than `FEW_CROSSINGS` crossings, the spread between seeds does
    not include how many ions might have crossed; without any crossing it shows only the motion of
    ions at the pore's mouths. The interval is then at least as wide, on either side, as that of the
    weighted Poisson counts of the crossings (3.7 charges where there was none). This assumes only
    that crossings are independent. Coverage is 0.93 to 0.97 from 20 expected crossings on and 0.98
    to 1 below, as counts are whole numbers (docs/statistics.md).

    Args:
        tables: see the module.
        estimator: takes sums over seeds, shape (b, bins), and returns estimates, shape (b, k).
        level: nominal coverage.

    Returns:
        Estimates with intervals, shape (k,). For one seed the ends are known only where no ion
        crossed.
    """
    found = bootstrap(tables, estimator, level=level)
    half = found.high - found.value
    bins = tables["charge"].shape[1]
    one_charge = {k: np.repeat(v, bins, axis=0) for k, v in summed(tables).items()}
    weights = estimator(one_charge | {"charge": E_PER_PS * np.eye(bins)})
    counts = np.concatenate([tables[name].sum(axis=0) for name in ("plus", "minus")])
    weights = np.concatenate([weights, -weights])
    counted = counts @ (weights != 0)
    crossed = difference(
        poisson_sum(counts, np.maximum(weights, 0), level),
        poisson_sum(counts, np.maximum(-weights, 0), level),
    )
    use = (counted < FEW_CROSSINGS) & (np.isfinite(half) | (counted == 0))
    down = np.where(use, np.fmax(half, crossed.value - crossed.low), half)
    up = np.where(use, np.fmax(half, crossed.high - crossed.value), half)
    return Interval(found.value, found.value - down, found.value + up)


def crossing_current(counts: Mapping[str, NDArray], ion: str, charge: float) -> Interval:
    """Current of completed crossings, nA, with a Poisson bound even where there is none.

    Args:
        counts: `time_ps`, and the crossings of the ion as `K_forward` (towards +x) and
            `K_backward`, over all seeds, of one shape.
        ion: its name.
        charge: of the ion, e.
    """
    plus, minus = (poisson(counts[_crossed(ion, sign * charge)]) for sign in (+1, -1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return difference(plus, minus).scaled(E_PER_PS * abs(charge) / counts["time_ps"])
