"""Diffusion and conduction in a bulk liquid, from paths at equal intervals (Einstein's relations).

Mean square displacements over all time origins by Fourier transforms (Calandrini and others 2011,
Collection SFN 12, 201). Paths are unwrapped, in nm, and their slopes in nm^2/ps; 1 nm^2/ps is
1e-6 m^2/s.
"""

import numpy as np
from numpy.typing import NDArray

from ..units import BOLTZMANN, E_PER_PS, VOLT_PER_NM

#: Shear viscosity of SPC/E water at 298 K and 1 bar, mPa s (SklogWiki's page on SPC/E). Salt is not
#: in it.
VISCOSITY_MPA_S = 0.729
#: Of a cubic lattice (Yeh and Hummer 2004, J. Phys. Chem. B 108, 15873).
_LATTICE = 2.837297
#: kJ/mol/nm^3 of one MPa.
_MPA = 0.602214076
#: m^2/s of one nm^2/ps.
M2_PER_S = 1e-6


def square_displacements(paths: NDArray) -> NDArray[np.float64]:
    """Mean square displacements along each direction, over particles and time origins.

    Args:
        paths: positions at equal intervals, unwrapped, nm, shape (times, particles, 3).

    Returns:
        nm^2 by lag and direction, shape (lags, 3): lags of 0 to half of the times, beyond which
        there are few independent origins.
    """
    times = len(paths)
    lags = np.arange(times // 2 + 1)
    if paths.shape[1] == 0:
        return np.full((len(lags), 3), np.nan)
    moved = paths - paths.mean(axis=0)  # of no effect, but for rounding
    spectrum = np.abs(np.fft.rfft(moved, 2 * times, axis=0)) ** 2
    products = np.fft.irfft(spectrum, axis=0)[: len(lags)].mean(axis=1)
    square = np.square(moved).mean(axis=1)
    ends = np.concatenate([np.zeros((1, 3)), np.cumsum(square, axis=0)])
    # Sums of squares of the first and of the last of each pair of times.
    both = ends[times - lags] + ends[times] - ends[lags]
    return np.asarray((both - 2 * products) / (times - lags)[:, None])


def slope(lag_ps: NDArray, squares: NDArray, window_ps: tuple[float, float]) -> NDArray[np.float64]:
    """Least-squares slopes of mean square displacements against lag, nm^2/ps, shape (...).

    Args:
        lag_ps: shape (lags,).
        squares: nm^2, shape (..., lags).
        window_ps: first and last lag that are used.

    Returns:
        NaN where the lags end before the middle of the window: two or three noisy points next to
        each other have any slope.
    """
    used = (lag_ps >= window_ps[0] - 1e-9) & (lag_ps <= window_ps[1] + 1e-9)
    if used.sum() < 2 or lag_ps[-1] < 0.5 * (window_ps[0] + window_ps[1]):
        return np.full(squares.shape[:-1], np.nan)
    t = lag_ps[used] - lag_ps[used].mean()
    return np.asarray(squares[..., used] @ t / (t @ t))


def box_correction(temperature_K: float, edge_nm: float, viscosity_mPa_s: float) -> float:
    """What a periodic cube takes from a diffusion coefficient, nm^2/ps (Yeh and Hummer 2004).

    D = D(box) + 2.837297 kT / (6 pi eta L). The model's own viscosity counts, not water's.
    """
    viscosity = viscosity_mPa_s * 1e-9 * _MPA * 1e12  # kJ/mol ps/nm^3: 1 mPa s is 1e-9 MPa s
    return _LATTICE * BOLTZMANN * temperature_K / (6 * np.pi * viscosity * edge_nm)


def einstein_conductivity(
    slope_e2_nm2_per_ps: NDArray, volume_nm3: float, temperature_K: float
) -> NDArray[np.float64]:
    """Conductivity, S/m, of the slope along one direction of the squared displacement of charge.

    sigma = lim d<(sum q dx)^2>/dt / (2 V kT): with the correlations between ions (the distinct
    part). For the Nernst-Einstein estimate, which leaves them out, give it sum q^2 times each ion's
    own slope.
    """
    volts = BOLTZMANN * temperature_K / VOLT_PER_NM  # kT in e V
    return np.asarray(E_PER_PS * slope_e2_nm2_per_ps / (2 * volume_nm3 * volts))


def field_conductivity(
    charge_moved_e_nm: NDArray, time_ps: NDArray, volume_nm3: float, field_V_per_nm: float
) -> NDArray[np.float64]:
    """Conductivity, S/m, of the charge sum q dx that a field moved in a time: sigma = j / E.

    Args:
        charge_moved_e_nm: sum q dx, any shape.
        time_ps: in which it moved, same shape.
        volume_nm3: of the box.
        field_V_per_nm: the field along x, not 0.
    """
    density = E_PER_PS * charge_moved_e_nm / (time_ps * volume_nm3)  # nA/nm^2
    return np.asarray(density / field_V_per_nm)  # nA/(V nm) is S/m
