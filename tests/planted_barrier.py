"""Planted records of barrier jobs, with known mean forces."""

import numpy as np
from scipy.signal import lfilter

from januspore.analysis.barrier import TOGETHER
from januspore.analysis.orientation import BINS
from januspore.engines.base import PARTS
from januspore.materials import SALTS, charge_of
from januspore.protocols.field import mean
from januspore.protocols.windows import Path
from januspore.simulate.record import HELD, RAGGED, Rows, columns_of
from januspore.units import VOLT_PER_NM


def correlated(rng, n, rho=0.8):
    """A series of unit variance whose autocorrelation is rho ** rows."""
    return lfilter([np.sqrt(1 - rho**2)], [1, -rho], rng.normal(size=n + 50))[50:]


def held_rows(point, forces, rng, noise=30.0, shift=0.0, waters=8, alignment=0.5):
    """Rows of a barrier job.

    Args:
        point: its state point.
        forces: function of arrays (x, field) for each part but "field", kJ/mol/nm along +x.
        rng: source of randomness.
        noise: standard deviation of the force of each part in one row, and of the tether's.
        shift: constant added to every force of this seed.
        waters: number of waters in the pore at every sample.
        alignment: mean cos of their dipoles to the field at 1 V/nm.
    """
    protocol = point.protocol
    dt, programme, path = (
        protocol.recording.sample_interval_ps,
        None,
        Path(protocol.windows, (1.0, 0.0)),
    )
    programme = protocol.programme()
    n = round(programme.duration_ps / dt)
    time = (np.arange(n) + 1) * dt
    field = np.array([mean(programme, t - dt, t) for t in time])
    window = np.array([path.sampled(t - dt, t) for t in time])
    x = np.array([path.at(t)[0] for t in time])
    charge = charge_of(protocol.ion)
    kinds = columns_of(SALTS[protocol.cell.salt].charges) | HELD
    columns = {name: np.zeros(n, dtype=kind) for name, kind in kinds.items()}
    steps = round(dt / (protocol.dynamics.timestep_fs * 1e-3))
    columns["step"] = (np.arange(n) + 1) * steps
    columns["time_ps"], columns["field_V_per_nm"], columns["window"] = time, field, window
    columns["held_x_nm"] = columns["tether_x_nm"] = x
    whole = charge * VOLT_PER_NM * field
    columns["force_field_kJ_per_mol_nm"] = whole.copy()
    for part in PARTS:
        if part != "field":
            true = forces[part](x, field) + (shift if part == "water_electrostatic" else 0.0)
            whole = whole + true
            columns[f"force_{part}_kJ_per_mol_nm"] = true + noise * correlated(rng, n)
    columns["tether_force_kJ_per_mol_nm"] = -(whole + noise * correlated(rng, n))
    # Forces while the ion is moved, which the analysis must exclude.
    columns["tether_force_kJ_per_mol_nm"][window < 0] = 1e6
    columns["water_in_pore"][:] = waters
    cosine = np.repeat(alignment * field, waters) + rng.normal(0, 0.1, n * waters)
    columns["cos_dipole"] = np.clip(cosine, -1, 1)
    columns["theta_rad"] = np.arccos(columns["cos_dipole"])
    for name in RAGGED:
        columns[name] = columns[name].astype(np.float32)
    return Rows(columns)


def neighbours(rng, shape, rho):
    """Standard normal numbers whose correlation between windows is rho ** distance."""
    each = rng.normal(size=shape)
    for k in range(1, shape[-1]):
        each[..., k] = rho * each[..., k - 1] + np.sqrt(1 - rho**2) * each[..., k]
    return each


def window_sums(protocol, forces, seeds, rng, noise=20.0, shift=0.0, rho=0.0, error=None):
    """Sums of several seeds, stacked, as `analysis.barrier.by_window` returns them.

    Args:
        protocol: the barrier protocol, with fields and positions.
        forces: as for `held_rows`.
        seeds: number of seeds, each of an equilibration of its own.
        rng: source of randomness.
        noise: standard deviation of each window's mean force, of the tether and of each part,
            kJ/mol/nm.
        shift: standard deviation of a force that all windows of one field and seed share,
            kJ/mol/nm.
        rho: correlation of the noise of neighbouring windows.
        error: standard error from within the runs, kJ/mol/nm; by default `noise`.
    """
    x, fields = np.array(protocol.positions_nm), protocol.fields_V_per_nm
    shape = seeds, len(fields), len(x)
    charge = 1.0 if protocol.ion == "K" else -1.0
    applied = charge * VOLT_PER_NM * np.array(fields)[:, None] * np.ones(len(x))
    shared = shift * rng.normal(size=(seeds, len(fields), 1))
    own = {"field": np.broadcast_to(applied, shape)}
    for part in PARTS:
        if part != "field":
            truth = np.array([forces[part](x, field) for field in fields])
            own[part] = truth + noise * neighbours(rng, shape, rho)
    own["water_electrostatic"] = own["water_electrostatic"] + shared
    for name, parts in TOGETHER.items():
        own[name] = np.sum([own[part] for part in parts], axis=0)
    whole = sum(np.array([forces[p](x, e) for e in fields]) for p in PARTS if p != "field")
    own["tether"] = whole + applied + shared + noise * neighbours(rng, shape, rho)
    own["cosine"] = 0.5 * np.array(fields)[:, None] + 0.02 * rng.normal(size=shape)
    own["x_nm"], own["r_nm"] = np.broadcast_to(x, shape), np.full(shape, 0.1)
    claimed = noise if error is None else error
    sums = {"samples": np.full(shape, 100.0), "theta": np.ones((*shape, BINS))}
    for name, values in own.items():
        sums |= {name: values, f"{name}_variance": np.full(shape, claimed**2)}
        sums[f"{name}_freedom"] = np.full(shape, 4.0)
    return sums
