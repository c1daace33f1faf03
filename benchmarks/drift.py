"""Energy drift and temperatures of each engine at each time step, on the tiny cell.

    python benchmarks/drift.py --timesteps 1 2 4 --ps 20 --output drift.json

The drift is the slope of the total energy at constant energy (a thermostat of 1e6 ps), in kT per ns
and degree of freedom at 300 K, with the standard error of the fit over blocks. Temperatures are
averages with the production thermostat (0.1 ps), after a fifth of the run, with the standard error
over blocks.

With --instants instead: ratios of the temperatures of one OpenMM trajectory at each step to those
half a step earlier, to which OpenMM's velocities belong and HOOMD-blue's do not.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from januspore.check.cells import Case, relaxed
from januspore.check.machine import machine
from januspore.engines import Engine, Resources, available, create
from januspore.model.system import Model
from januspore.model.velocities import temperatures
from januspore.protocols import Dynamics
from januspore.units import BOLTZMANN

TEMPERATURE_K = 300.0
#: Time between readings, ps.
EVERY_PS = 0.02
BLOCKS = 8


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--engines", nargs="+", choices=available(), default=available())
    parser.add_argument("--timesteps", nargs="+", type=float, default=[1.0, 2.0, 4.0], help="fs")
    parser.add_argument("--ps", type=float, default=20.0, help="length of every run")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output")
    parser.add_argument("--instants", action="store_true", help="only ratios of temperatures")
    options = parser.parse_args()
    case = relaxed("tiny")
    if options.instants:
        for timestep in options.timesteps:
            print(f"{timestep:g} fs ", _instants(case, timestep, options.ps), flush=True)
        return 0
    rows = []
    for name in options.engines:
        for timestep in options.timesteps:
            resources = Resources(name, threads=options.threads)
            row = {"engine": name, "timestep_fs": timestep, "ps": options.ps}
            for purpose, tau in (("nve", 1e6), ("nvt", 0.1)):
                dynamics = Dynamics(
                    timestep_fs=timestep,
                    cutoff_nm=case.model.cutoff_nm,
                    thermostat_tau_ps=tau,
                    ewald_tolerance=case.model.ewald_tolerance,
                )
                engine = create(case.model, case.state, dynamics, resources)
                row |= _watch(purpose, engine, case.model, timestep, options.ps)
            rows.append(row)
            print(_line(row), flush=True)
    if options.output:
        report = {"machine": machine(), "cell": "tiny", "rows": rows}
        Path(options.output).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


def _watch(purpose: str, engine: Engine, model: Model, timestep: float, ps: float) -> dict:
    steps = round(EVERY_PS / (timestep * 1e-3))
    rows = []
    for _ in range(round(ps / EVERY_PS)):
        engine.advance(steps)
        velocities = engine.velocities()
        kinetic = 0.5 * (model.mass[:, None] * velocities**2).sum()
        total = engine.potential_energy() + kinetic if purpose == "nve" else np.nan
        rows.append([total, *temperatures(model, engine.positions(), velocities)])
    total, translation, rotation = np.array(rows).T
    if purpose == "nve":
        scale = BOLTZMANN * TEMPERATURE_K * model.degrees_of_freedom
        slope, error = _slope(total / scale)
        return {"drift_kT_per_ns_dof": slope, "drift_error": error, "rms": float(total.std())}
    settled = slice(len(rows) // 5, None)
    return {
        "T_trans_K": _mean(translation[settled]),
        "T_rot_K": _mean(rotation[settled]),
    }


def _instants(case: Case, timestep: float, ps: float) -> str:
    """Temperatures from the mean of two successive velocities over those from the first."""
    dynamics = Dynamics(timestep_fs=timestep, cutoff_nm=case.model.cutoff_nm)
    engine = create(case.model, case.state, dynamics, Resources("openmm", threads=1))
    ratios = []
    for _ in range(round(ps / EVERY_PS)):
        engine.advance(round(EVERY_PS / (timestep * 1e-3)) - 1)
        positions, before = engine.positions(), engine.velocities()
        engine.advance(1)
        at_step = temperatures(case.model, positions, 0.5 * (before + engine.velocities()))
        ratios.append(np.divide(at_step, temperatures(case.model, positions, before)))
    mean, error = np.mean(ratios, axis=0), np.std(ratios, axis=0) / np.sqrt(len(ratios))
    return "  ".join(
        f"{name} {m:.4f} +- {e:.4f}"
        for name, m, e in zip(("T_trans", "T_rot"), mean, error, strict=True)
    )


def _slope(energy: np.ndarray) -> tuple[float, float]:
    """Slope per ns of a straight line, and its standard error with correlated residuals."""
    time = np.arange(len(energy)) * EVERY_PS * 1e-3
    slope, start = np.polyfit(time, energy, 1)
    residual = np.array_split(energy - start - slope * time, BLOCKS)
    means = np.array([block.mean() for block in residual])
    middle = np.array([block.mean() for block in np.array_split(time, BLOCKS)])
    spread = np.sqrt((means**2).sum() / (BLOCKS - 2))
    return float(slope), float(spread / np.sqrt(((middle - middle.mean()) ** 2).sum()))


def _mean(values: np.ndarray) -> list[float]:
    means = [block.mean() for block in np.array_split(values, BLOCKS)]
    return [float(np.mean(means)), float(np.std(means, ddof=1) / np.sqrt(BLOCKS))]


def _line(row: dict[str, Any]) -> str:
    return (
        f"{row['engine']:7s} {row['timestep_fs']:4g} fs  "
        f"drift {row['drift_kT_per_ns_dof']:+.4f} +- {row['drift_error']:.4f} kT/ns/dof  "
        f"T_trans {row['T_trans_K'][0]:.1f} +- {row['T_trans_K'][1]:.1f} K  "
        f"T_rot {row['T_rot_K'][0]:.1f} +- {row['T_rot_K'][1]:.1f} K"
    )


if __name__ == "__main__":
    sys.exit(main())
