"""Planted water whose order follows a field with a known relaxation time."""

import numpy as np
from planted import planted_rows
from scipy.signal import lfilter

from januspore.analysis.cycle import PHASES
from januspore.analysis.orientation import BINS
from januspore.analysis.steps import log_bins, step_times
from januspore.simulate.record import RAGGED


#: Mean cosine of the dipoles in equilibrium as a function of the field, V/nm, with saturation.
def static(field):
    return 0.85 * np.tanh(1.3 * np.asarray(field))


def relaxing(points, step_ps, tau_ps, of_field=static, tau_down_ps=None, start=0.0):
    """Mean cosine at the end of each interval: dc/dt = (static(E) - c) / tau.

    Args:
        points: field in each interval, V/nm.
        step_ps: length of an interval.
        tau_ps: relaxation time; where |static| is below |c|, `tau_down_ps` if it is given.
        of_field: equilibrium order as a function of the field.
        start: order at the start.
    """
    to = of_field(points)
    up, down = np.exp(-step_ps / tau_ps), np.exp(-step_ps / (tau_down_ps or tau_ps))
    if up == down:
        return lfilter([1 - up], [1, -up], to, zi=[up * start])[0]
    order, found = start, np.empty(len(to))
    for k, target in enumerate(to):
        kept = down if abs(target) < abs(order) else up
        order = found[k] = target + (order - target) * kept
    return found


def angles(mean, rng, waters=9, step_ps=0.1, memory_ps=1.3):
    """theta of every water at every sample, shape (n, waters), with this mean cosine.

    They are wrapped normal about the direction of the order, so the circular standard deviation is
    sqrt(-2 ln |mean|). The correlation time of each water is `memory_ps`.
    """
    free = slow_noise(rng, (waters,), len(mean), step_ps, memory_ps).T
    width = np.sqrt(-2 * np.log(np.clip(np.abs(mean), 1e-9, 1 - 1e-9)))
    theta = width[:, None] * free + np.where(mean < 0, np.pi, 0.0)[:, None]
    return np.mod(theta + np.pi, 2 * np.pi) - np.pi


def slow_noise(rng, shape, samples, step_ps, memory_ps):
    """Series of unit variance with correlation time `memory_ps`, shape (*shape, samples)."""
    rho = np.exp(-step_ps / memory_ps)
    noise = rng.normal(size=(*shape, samples))
    noise[..., 0] /= np.sqrt(1 - rho**2)
    return lfilter([np.sqrt(1 - rho**2)], [1, -rho], noise, axis=-1)


def step_sums(rng, protocol, seeds, up_ps, down_ps, waters=9, memory_ps=1.3, shift=0.02):
    """Sums of `januspore.analysis.steps.by_step`, repeats added up, without angles.

    Args:
        rng: source of randomness.
        protocol: steps from no field.
        seeds: number of seeds.
        up_ps: time constant of ordering; `down_ps` that of relaxing.
        waters: number in the pore, each with a spread of 0.5 about the mean cosine.
        memory_ps: correlation time of a water.
        shift: standard deviation of the mean order between seeds.
    """
    top, sums = static(protocol.high_V_per_nm), {}
    own = rng.normal(0, shift, (seeds, 1))
    for way, tau in (("up", up_ps), ("down", down_ps)):
        times = step_times(protocol.steps, way)
        first, step = log_bins(len(times)), times[0]
        noise = slow_noise(rng, (seeds,), len(times), step, memory_ps)
        mean = top * (1 - np.exp(-times / tau) if way == "up" else np.exp(-times / tau))
        order = mean + own + 0.5 / np.sqrt(waters * protocol.repeats) * noise
        number = waters * protocol.repeats * np.diff(np.append(first, len(times)))
        count = np.tile(number.astype(float), (seeds, 1, 1))
        field = protocol.high_V_per_nm if way == "up" else 0.0
        sums |= {
            f"{way}_cosine": waters
            * protocol.repeats
            * np.add.reduceat(order, first, axis=1)[:, None],
            f"{way}_waters": count,
            f"{way}_time_ps": count / waters * step,
            f"{way}_field_ps": count / waters * step * field,
            f"{way}_theta": np.zeros((*count.shape, BINS)),
        }
    return sums


def phase_sums(rng, protocol, seeds, mean_of, waters=9, memory_ps=1.3, shift=0.0):
    """Sums of `januspore.analysis.cycle.by_phase` for water order, without angles.

    Args:
        rng: source of randomness.
        protocol: a sine.
        seeds: number of seeds.
        mean_of: function of (field, sample_ps) that returns the mean cosine to +x at the end of
            each interval; it is called with three additional cycles first, which are left out.
        waters: number in the pore, each with a spread of 0.5 about the mean cosine.
        memory_ps: correlation time of a water.
        shift: standard deviation of the mean order between seeds.
    """
    step, period = protocol.recording.sample_interval_ps, 1000 / protocol.frequency_GHz
    per_cycle = round(period / step)
    middle = (np.arange((protocol.cycles + 3) * per_cycle) + 0.5) * step
    field = protocol.amplitude_V_per_nm * np.sin(2 * np.pi * middle / period)
    mean = mean_of(field, step)[3 * per_cycle :]
    field, n = field[3 * per_cycle :], len(mean)
    noise = slow_noise(rng, (seeds,), n, step, memory_ps)
    order = mean + rng.normal(0, shift, (seeds, 1)) + 0.5 / np.sqrt(waters) * noise
    phase = (middle[:n] / period % 1 * PHASES).astype(int)

    def summed(values):
        return np.stack(
            [np.bincount(phase, row, PHASES) for row in np.broadcast_to(values, (seeds, n))]
        )

    return {
        "cosine": waters * summed(order),
        "waters": waters * summed(1.0),
        "time_ps": summed(step),
        "field_ps": summed(field * step),
    }


def ordered_rows(point, rng, mean_of, waters=9, shift=0.0):
    """Rows of a driven job in whose pore the mean cosine is mean_of(field, sample_ps) + shift."""
    rows = planted_rows(point, lambda e, r: 0.0, lambda e: 1.0, rng, waters=waters)
    step = point.protocol.recording.sample_interval_ps
    mean = mean_of(rows["field_V_per_nm"], step) + shift
    theta = angles(np.clip(mean, -0.999, 0.999), rng, waters, step).ravel()
    rows.columns["theta_rad"], rows.columns["cos_dipole"] = theta, np.cos(theta)
    for name in RAGGED:
        rows.columns[name] = rows.columns[name].astype(np.float32)
    return rows
