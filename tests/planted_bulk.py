"""Planted bulk liquids: ions and waters in random walks, with a drift in a field."""

from pathlib import Path

import numpy as np
from planted import plant
from scipy.spatial.transform import Rotation

from januspore.analysis.bulk import sums_of
from januspore.analysis.store import write_arrays
from januspore.model.system import build_model, water_geometry
from januspore.run.initialise import init_command
from januspore.simulate.record import Rows, columns_of
from januspore.space.dataspace import open_project, point_of
from januspore.units import E_PER_PS

#: Diffusion coefficients by species, nm^2/ps.
WALK = {"water": 2.5e-3, "K": 2.0e-3, "Cl": 1.5e-3}
STUDY = """
[dynamics]
timestep_fs = 2.0
cutoff_nm = 0.9
[recording]
sample_interval_ps = 1.0
frame_interval_ps = 5.0
[[charge_sets]]
Mo = 1.06
S = -0.61
Se = -0.45
"""
BLOCK = """
[[protocols]]
name = "bulk"
cell = {{ edge_nm = 2.0, salt_mol_per_L = {salt}, water_per_nm3 = 10.0 }}
field_V_per_nm = {field}
relax_ps = 5.0
run_ps = {run_ps}
dynamics = {{ temperature_K = {temperature_K} }}
seeds = "0:{seeds}"
"""


def bulk_space(folder, blocks, conductivity_S_per_m, run_ps=400.0, temperature_K=300.0):
    """A data space of planted bulk jobs.

    Args:
        folder: an empty one.
        blocks: (salt, field, seeds) of each ensemble.
        conductivity_S_per_m: the conductivity, of which each ion carries half.
        run_ps: length of the run.
        temperature_K: its temperature.
    """
    text = STUDY
    for salt, field, seeds in blocks:
        text += BLOCK.format(
            salt=salt, field=field, seeds=seeds, run_ps=run_ps, temperature_K=temperature_K
        )
    (folder / "bulk.toml").write_text(text)
    init_command(["--study", str(folder / "bulk.toml")], folder)
    project = open_project(folder)
    for job in project:
        plant_bulk(job, conductivity_S_per_m)
    return project


def plant_bulk(job, conductivity_S_per_m):
    """Write the files of a finished simulation and analysis into a bulk job's folder."""
    point = point_of(job)
    model, rng = build_model(point), np.random.default_rng(job.sp.seed)
    field = point.protocol.bulk.field_V_per_nm
    # A current density in nA/nm^2 is a conductivity in S/m times V/nm.
    moved = conductivity_S_per_m * field * np.prod(model.box) / E_PER_PS  # e nm/ps
    plant(job, _rows(point, model, moved / 2, rng))
    frames = len(point.protocol.frame_steps())
    lags = 5.0 * np.arange(frames // 2 + 1)
    arrays = sums_of(_paths(model, frames, 5.0, moved / 2, rng), model)
    arrays |= {
        "lag_ps": lags,
        "drift_ps": np.asarray(5.0 * (frames - 1)),
        "pressure_bar": np.asarray(50.0 + rng.normal(0, 5)),
    }
    write_arrays(Path(job.fn("bulk.h5")), arrays, {})


def _rows(point, model, moved, rng):
    n = round(point.protocol.programme().duration_ps)
    columns = {k: np.zeros(n, dtype=kind) for k, kind in columns_of(model.ion_charges).items()}
    columns["step"], columns["time_ps"] = (np.arange(n) + 1) * 500, np.arange(n) + 1.0
    columns["field_V_per_nm"][:] = point.protocol.bulk.field_V_per_nm
    columns["T_trans_K"][:], columns["T_rot_K"][:] = 300.0, 300.0
    for ion in model.ion_charges:
        columns[f"{ion}_cell_e_nm"] = moved + rng.normal(0, 0.01, n)
    columns |= {name: np.zeros(0, dtype=np.float32) for name in ("theta_rad", "cos_dipole")}
    return Rows(columns)


def _paths(model, frames, interval_ps, moved, rng):
    """Random walks from random positions; ions drift along x and carry half of the charge each.

    The whole liquid drifts besides, as nothing holds its centre of mass.
    """
    paths = np.zeros((frames, model.n_atoms, 3))
    half = model.box[0] / 2

    def walk(atoms, diffusion):
        steps = rng.normal(0, np.sqrt(2 * diffusion * interval_ps), (frames, len(atoms), 3))
        return rng.uniform(-half, half, (len(atoms), 3)) + np.cumsum(steps, axis=0)

    for ion, charge in model.ion_charges.items():
        atoms = model.indices(ion)
        paths[:, atoms] = walk(atoms, WALK[ion])
        drift = moved / charge / max(len(atoms), 1) * interval_ps
        paths[:, atoms, 0] += drift * np.arange(frames)[:, None]
    oxygens = walk(model.waters[:, 0], WALK["water"])
    turns = Rotation.random(frames * len(model.waters), rng=rng)
    for k in range(3):
        turned = turns.apply(water_geometry()[k]).reshape(frames, -1, 3)
        paths[:, model.waters[:, k]] = oxygens + turned
    paths[:, :, 0] += 0.02 * interval_ps * np.arange(frames)[:, None]
    return paths
