"""Steady current of one species over its mean force: the one-dimensional Nernst-Planck equation.

An ion in a cylinder about the pore's axis has a line density p(x), ions per nm, a free energy w(x)
with the applied field in it, and a diffusion coefficient D(x). In steady state the flux

    J = -D (dp/dx + p/kT dw/dx)

is the same everywhere in the pore, and so from one end of the windows, a, to the other, b,

    J = (p(a) exp(w(a)/kT) - p(b) exp(w(b)/kT)) / int_a^b s exp(w/kT) / D dx

(as for ion channels: Roux et al., Q. Rev. Biophys. 37, 15 (2004); Allen, Andersen and Roux,
Biophys. Chem. 124, 251 (2006)). D is that of a held ion: from the fluctuations of its position,
D = var(x) / tau_x, tau_x = int C(t) dt / var(x) with C the autocovariance of x (Woolf and Roux,
J. Am. Chem. Soc. 116, 5916 (1994); Hummer, New J. Phys. 7, 34 (2005)). It holds for any mass and
any memory of the friction, as long as the tether's potential dominates.

In front of the pore the flow spreads beyond the cylinder, and only a share s(x) of J is in it
(`share_in_cylinder`); without a barrier that is most of the resistance.

Units: nm, ps, kJ/mol; fluxes are ions per ps towards +x.
"""

from collections.abc import Callable, Iterable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import special

from ..protocols.windows import Windows

#: Steps of the integral between two windows.
_FINE = 24
#: Half width of the slab about the first and the last window in which free ions are counted, nm.
END_HALF_NM = 0.2
#: A held ion nearer to an end than this changes the density of the others there, nm.
COMPANY_NM = 0.6


def cylinder_area(radius_nm: float, stiffness_kJ_per_mol_nm2: float, kT: float) -> float:
    """Cross-section that a tether's cylinder leaves an ion, nm^2.

    The wall is a half-harmonic one: exp(-U/kT) integrated over the plane.
    """
    soft = np.sqrt(kT / stiffness_kJ_per_mol_nm2)
    wall = radius_nm * soft * np.sqrt(np.pi / 2) + soft**2
    return float(np.pi * radius_nm**2 + 2 * np.pi * wall)


def held_diffusion(spread: NDArray, slow: NDArray, batch_ps: float) -> NDArray[np.float64]:
    """D = var(x) / tau_x, nm^2/ps; NaN where a batch is too short to tell, or nothing is known.

    tau_x is the integral of the normalised autocovariance. The variance of the mean over a batch of
    length T, times T, is 2 var(x) tau (1 - tau / T) for an exponential whose tau is well below T:
    that is solved for tau.

    Args:
        spread: var(x) of the held ion in a window, nm^2.
        slow: variance of the batches' means times T, nm^2 ps, same shape.
        batch_ps: T.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        share = slow / (spread * batch_ps)
        tau = batch_ps / 2 * (1 - np.sqrt(1 - 2 * share))
        found = spread / tau
    return np.asarray(np.where(np.isfinite(found) & (found > 0), found, np.nan))


def share_in_cylinder(
    x: NDArray, radius_nm: float, mouth_nm: float, least: float
) -> NDArray[np.float64]:
    """Share of the whole flux that is in the cylinder at x, shape of x; 1 between the mouths.

    Beyond them it is that of the flow to a disc of the cylinder's radius in a half space, along
    confocal hyperboloids (as in Hall's access resistance, J. Gen. Physiol. 66, 531 (1975)). The
    streamline through the point (r = R, z) bounds the share 1 - mu, mu^4 + Z^2 mu^2 = Z^2, Z = z/R.

    Args:
        x: from the membrane's middle, nm.
        radius_nm: R, of the cylinder.
        mouth_nm: half of the pore's length.
        least: share in a flow over the whole cross-section of the cell, to which it falls.
    """
    square = (np.maximum(np.abs(x) - mouth_nm, 0.0) / radius_nm) ** 2
    mu = np.sqrt((np.sqrt(square**2 + 4 * square) - square) / 2)
    return np.asarray(np.maximum(1 - mu, min(least, 1.0)))


def steady_flux(
    x: NDArray,
    force: NDArray,
    diffusion: NDArray,
    ends: NDArray,
    kT: float,
    share: Callable[[NDArray], NDArray] = np.ones_like,
) -> NDArray[np.float64]:
    """Flux J towards +x, ions/ps, shape (b,); see the module.

    The mean force is taken as linear between windows, and so is log D. Where D is unknown it is
    that of the other rows; where none knows it, it is interpolated from the windows that do.

    Args:
        x: rising positions of the windows, nm, shape (n,).
        force: mean force along +x, the applied field's in it, kJ/mol/nm, shape (b, n).
        diffusion: nm^2/ps, shape (b, n).
        ends: line densities at the first and the last window, ions/nm, shape (b, 2).
        kT: kJ/mol.
        share: of the flux that is in the cylinder, by x.
    """
    fine = np.concatenate([np.linspace(p, q, _FINE, endpoint=False) for p, q in pairwise(x)])
    fine = np.append(fine, x[-1])
    known = np.isfinite(diffusion).any(axis=0)
    if not known.any():
        return np.full(len(force), np.nan)
    forces = _linear(fine, x, force)
    logs = np.log(diffusion[:, known])
    logs = np.where(np.isfinite(logs), logs, np.nanmean(logs, axis=0))
    log_D = _linear(fine, x[known], logs) - np.log(share(fine))
    falls = (forces[:, 1:] + forces[:, :-1]) / 2 * np.diff(fine)
    w = np.concatenate([np.zeros((len(force), 1)), -np.cumsum(falls, axis=1)], axis=1) / kT
    # Referred to its highest point, no exponential overflows.
    top = np.max(w - log_D, axis=1, keepdims=True)
    resistance = _integral_of_exp(w - log_D - top, fine)
    weight = np.exp(np.stack([w[:, 0], w[:, -1]], axis=1) - top) * ends
    return np.asarray((weight[:, 0] - weight[:, 1]) / resistance)


def _integral_of_exp(exponent: NDArray, x: NDArray) -> NDArray[np.float64]:
    """Integral of exp of what is linear between the places x, over the last axis."""
    step = np.diff(exponent, axis=-1)
    return np.asarray((np.exp(exponent[..., :-1]) * special.exprel(step) * np.diff(x)).sum(axis=-1))


def _linear(fine: NDArray, x: NDArray, rows: NDArray) -> NDArray[np.float64]:
    """Interpolate rows of values at x, shape (b, n), to other places, shape (b, len(fine))."""
    return np.stack([np.interp(fine, x, row) for row in rows])


def end_counts(
    frames: Iterable[tuple[float, NDArray, NDArray]], windows: Windows, box: NDArray
) -> dict[str, NDArray[np.float64]]:
    """Count the free ions about the first and the last window while the held one is elsewhere.

    Args:
        frames: (time in ps, x of the held ion, x of the free ions of its species) of each frame.
        windows: when a window is sampled, and where they end.
        box: edges, nm, shape (3,).

    Returns:
        `end_frames` and `end_ions` by field and end, shape (fields, 2); add them up over jobs.
    """
    ends = np.array([windows.positions_nm[0], windows.positions_nm[-1]])
    found = {name: np.zeros((len(windows.fields_V_per_nm), 2)) for name in COUNTED}
    for time_ps, held, free in frames:
        field = windows.sampled_field(time_ps)
        if field is None:
            continue
        away = np.abs(_apart(held - ends, box[0])) > COMPANY_NM
        inside = np.abs(_apart(free[:, None] - ends, box[0])) < END_HALF_NM
        found["end_frames"][field] += away
        found["end_ions"][field] += np.where(away, inside.sum(axis=0), 0)
    return found


#: What `end_counts` returns.
COUNTED = ("end_frames", "end_ions")


def _apart(x: NDArray, edge: float) -> NDArray:
    """Distances along x to the nearest image."""
    return np.asarray(x - edge * np.round(x / edge))
