"""Planted records: files of a finished simulation whose results are known."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np

from januspore.analysis.frames import frame_sums
from januspore.analysis.job import analyse_record
from januspore.analysis.store import write_analysis, write_arrays
from januspore.materials import SALTS
from januspore.model.system import build_model
from januspore.products import PRODUCTS
from januspore.protocols.field import mean
from januspore.run.initialise import init_command
from januspore.simulate.layout import trajectory
from januspore.simulate.record import RAGGED, Rows, columns_of, write_record
from januspore.space.conditions import is_driven
from januspore.space.dataspace import open_project, point_of
from januspore.units import E_PER_PS


def jobs_of(seeds):
    """The jobs of an ensemble with seeds from 0 on, reduced to what an ensemble reads of them."""
    project = EmptyProject()
    return tuple(
        SimpleNamespace(id=f"job{k}", statepoint={"seed": k}, project=project) for k in range(seeds)
    )


class EmptyProject(list):
    """A data space without jobs or a document, so no key varies and no charge set has a name."""

    FN_DOCUMENT = "none.json"

    def fn(self, name):
        return str(Path("no such folder", name))


def planted_rows(
    point,
    current_nA,
    spread_rad,
    rng,
    waters=8,
    noise_e_nm=0.02,
    programme=None,
    start_ps=0.0,
    current_at=None,
    spread_at=None,
):
    """Rows of a driven job.

    Args:
        point: its state point.
        current_nA: function of the field (V/nm) and its sign of change: the pore-slab current.
        spread_rad: function of |field|: width of theta about the field's direction.
        rng: source of randomness.
        waters: number of waters in the pore at every sample.
        noise_e_nm: noise of the displacement in one sample interval.
        programme: field programme, by default the protocol's.
        start_ps: time at which the rows begin.
        current_at: function of time (ps), instead of `current_nA`.
        spread_at: function of time (ps), instead of `spread_rad`.
    """
    protocol, recording = point.protocol, point.protocol.recording
    programme, dt = programme or protocol.programme(), recording.sample_interval_ps
    first, last = round(start_ps / dt), round(programme.duration_ps / dt)
    n = last - first
    time = (np.arange(first, last) + 1) * dt
    middle = time - dt / 2
    field = np.array([mean(programme, t - dt, t) for t in time])
    rising = np.sign(np.gradient(np.abs(field)))
    width = 2 * recording.slab_half_width_nm
    if current_at is None:
        slab = np.array([current_nA(e, r) for e, r in zip(field, rising, strict=True)])
    else:
        slab = np.array([current_at(t) for t in middle])
    slab = slab * width * dt / E_PER_PS
    charges = SALTS[protocol.cell.salt].charges
    columns = {name: np.zeros(n, dtype=kind) for name, kind in columns_of(charges).items()}
    steps = round(dt / (protocol.dynamics.timestep_fs * 1e-3))
    columns["step"] = (np.arange(first, last) + 1) * steps
    columns["time_ps"], columns["field_V_per_nm"] = time, field
    crossed = np.diff(np.floor(np.cumsum(slab / 2 / width)), prepend=0.0).astype(int)
    for ion, charge in charges.items():
        along, against = ("forward", "backward")[:: 1 if charge > 0 else -1]
        # Each ion carries half of the current, with the number of crossings that this needs.
        columns[f"{ion}_slab_e_nm"] = slab / 2 + rng.normal(0, noise_e_nm, n)
        columns[f"{ion}_cell_e_nm"] = columns[f"{ion}_slab_e_nm"] * 3
        columns[f"{ion}_{along}"][:] = np.maximum(crossed, 0)
        columns[f"{ion}_{against}"][:] = np.maximum(-crossed, 0)
    columns["water_in_pore"][:] = waters
    columns["T_trans_K"][:], columns["T_rot_K"][:] = 300.0, 300.0
    direction = np.repeat(np.where(field < 0, np.pi, 0.0), waters)
    widths = [spread_rad(abs(e)) for e in field] if spread_at is None else map(spread_at, middle)
    sigma = np.repeat(list(widths), waters)
    theta = np.mod(direction + rng.normal(0, sigma) + np.pi, 2 * np.pi) - np.pi
    columns["theta_rad"], columns["cos_dipole"] = theta, np.cos(theta)
    for name in RAGGED:
        columns[name] = columns[name].astype(np.float32)
    return Rows(columns)


def plant(job, rows, branches=()):
    """Write the files of a finished simulation and analysis into a job's folder."""
    point = point_of(job)
    trajectory(job).mkdir(parents=True, exist_ok=True)
    write_record(trajectory(job) / "record.h5", rows, {})
    sums, summary = analyse_record(rows, list(branches), point, build_model(point))
    write_analysis(job, {"analysis.h5": sums}, summary, {})


def planted_space(folder, study, current_nA):
    """A data space of a study (TOML), every driven job planted, with sums of its (missing) frames.

    Args:
        folder: an empty one.
        study: its text.
        current_nA: see `planted_rows`.
    """
    file = folder / "study.toml"
    file.write_text(study)
    init_command(["--study", str(file)], folder)
    project = open_project(folder)
    for job in filter(is_driven, project):
        point, rng = point_of(job), np.random.default_rng(job.sp.seed)
        plant(job, planted_rows(point, current_nA, lambda e: 1.2 - 0.6 * e, rng))
        if point.protocol.cycle:
            sums = frame_sums(job, point, build_model(point))
            write_arrays(Path(job.fn("hydration.h5")), sums, {})
    return project


def make_products(jobs):
    """Make every product of an ensemble, check that each exists, and return their names."""
    made = [product for product in PRODUCTS if product.concerns(jobs[0])]
    for product in made:
        assert product.is_ready(*jobs), product.name
        product.run(*jobs)
        assert product.is_made(*jobs), product.name
    return {product.name for product in made}
