"""State points and small models that several tests use."""

import copy
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from januspore.engines import Engine, Resources, minimise
from januspore.model.builder import build_state
from januspore.model.forcefield import SPECIES, species
from januspore.model.pore import Pore
from januspore.model.state import State
from januspore.model.system import Model, atoms
from januspore.model.velocities import thermal_velocities
from januspore.protocols import Dynamics, Equilibrate, ForceField, Recording
from januspore.schema import StatePoint, state_point

ROOT = Path(__file__).resolve().parent.parent
#: Studies for tests only; their `quick` is one sine of one charge set.
STUDIES = ROOT / "tests" / "studies"


def copy_studies(space: Path) -> None:
    """Copy the project's studies to a data space, with those of the tests replacing some."""
    shutil.copytree(ROOT / "studies", space / "studies")
    shutil.copytree(STUDIES, space / "studies", dirs_exist_ok=True)


#: The paper's five charge sets.
CHARGE_SETS: dict[str, dict[str, Any]] = {
    "janus": {"material": "MoSSe", "Mo": 1.06, "S": -0.61, "Se": -0.45},
    "symmetric": {"material": "MoSSe", "Mo": 1.06, "S": -0.53, "Se": -0.53},
    "asymmetric": {"material": "MoSSe", "Mo": 1.06, "S": -0.71, "Se": -0.35},
    "neutral": {"material": "MoSSe", "Mo": 0.0, "S": 0.0, "Se": 0.0},
    "MoS2": {"material": "MoS2", "Mo": 1.18, "S": -0.59},
}


def charge_sets(*names: str) -> str:
    """The charge sets of a study as TOML; several have their keys in `CHARGE_SETS` as names."""
    text = ""
    for name in names:
        own = {"name": name} if len(names) > 1 else {}
        own |= {key: value for key, value in CHARGE_SETS[name].items() if key != "material"}
        lines = (f"{key} = {json.dumps(value)}\n" for key, value in own.items())
        text += "[[charge_sets]]\n" + "".join(lines)
    return text


#: The smallest cell that the schema allows with this cut-off, for short runs on a CPU.
TINY = {
    "cell": {"repeats_y": 6, "repeats_z": 4, "reservoir_nm": 1.5},
    "dynamics": {"timestep_fs": 2.0, "cutoff_nm": 0.9},
}

PROTOCOLS: dict[str, dict[str, Any]] = {
    "equilibrate": {"relax_ps": 20.0, "snapshot_interval_ps": 5.0},
    "sine": {"amplitude_V_per_nm": 1.2, "frequency_GHz": 0.2, "cycles": 3},
    "triangle": {"amplitude_V_per_nm": 1.2, "frequency_GHz": 0.2, "cycles": 3},
    "staircase": {"holds_V_per_nm": [0.1, 0.5, -1.0], "hold_ps": 50.0},
    "steps": {"high_V_per_nm": 1.2, "up_ps": 10.0, "down_ps": 20.0, "repeats": 3},
    "paired_pulse": {
        "mode": "facilitation",
        "preparation_V_per_nm": 2.0,
        "preparation_ps": 20.0,
        "pulse_V_per_nm": 0.7,
        "pulse_ps": 5.0,
        "rest_V_per_nm": 0.5,
        "delays_ps": [1.0, 5.0],
    },
    "pulse_train": {
        "mode": "depression",
        "preparation_V_per_nm": 0.0,
        "preparation_ps": 0.0,
        "pulse_V_per_nm": 0.5,
        "pulse_ps": 2.0,
        "rest_V_per_nm": 0.0,
        "delay_ps": 5.0,
        "pulses": 7,
    },
    "barrier": {"ion": "Cl", "fields_V_per_nm": [0.3, 0.5], "positions_nm": [-0.5, 0.0, 0.5]},
}


def raw_point(protocol: str = "sine", charge_set: str = "janus", seed: int = 0) -> dict[str, Any]:
    """A state point as a dictionary, not validated, that a test can change."""
    return copy.deepcopy(
        {
            "charge_set": CHARGE_SETS[charge_set],
            "protocol": {"name": protocol, **PROTOCOLS[protocol]},
            "seed": seed,
        }
    )


def tiny_point(protocol: str = "equilibrate", charge_set: str = "janus", **keys: Any) -> StatePoint:
    """A state point of the tiny cell; `keys` go into its protocol."""
    raw = raw_point(protocol, charge_set)
    raw["protocol"] |= copy.deepcopy(TINY) | keys
    return state_point(raw)


def free_model(
    pairs: int,
    waters: int,
    box: tuple[float, float, float],
    cutoff_nm: float = 0.6,
    ewald_tolerance: float = 1e-4,
    membrane: tuple[tuple[str, float, float, float], ...] = (),
) -> Model:
    """A model of ions and waters in a box; `membrane`: frozen atoms as (name, x, y, z)."""
    ids = {name: i for i, name in enumerate(SPECIES)}
    frozen = [ids[name] for name, *_ in membrane]
    mobile = [ids["K"]] * pairs + [ids["Cl"]] * pairs + [ids["O"], ids["H"], ids["H"]] * waters
    type_id = np.array(frozen + mobile, dtype=np.int64)
    table = species(ForceField(), state_point(raw_point()).charge_set)
    first_water = len(frozen) + 2 * pairs
    return Model(
        type_id=type_id,
        **atoms(type_id, table),
        waters=np.arange(first_water, len(type_id)).reshape(-1, 3),
        box=np.array(box),
        membrane_positions=np.array([place for _, *place in membrane]).reshape(-1, 3),
        pore=Pore((0.0, 0.0), 0.0, 0, ""),
        cutoff_nm=cutoff_nm,
        ewald_tolerance=ewald_tolerance,
    )


def thermal_state(model: Model, seed: int = 0, temperature_K: float = 300.0) -> State:
    """Ions and waters placed at random, not minimised, with thermal velocities."""
    rng = np.random.default_rng(seed)
    state = build_state(model, rng)
    velocities = thermal_velocities(model, state.positions, temperature_K, rng)
    return replace(state, velocities=velocities)


#: OpenMM's CPU platform on one thread.
CPU = Resources("openmm", "CPU", threads=1)


def at_rest(model: Model, state: State | None = None) -> State:
    """Minimise a state, or atoms placed at random, on OpenMM's CPU platform."""
    return minimise(model, state or thermal_state(model), CPU)


def warm_up(engine: Engine, model: Model, rng: np.random.Generator, steps: int) -> State:
    """Minimise an engine's state, and run it from thermal velocities at 300 K."""
    state = at_rest(model, engine.save())
    engine.load(state.restarted(thermal_velocities(model, state.positions, 300.0, rng)))
    engine.advance(steps)
    return engine.save()


class Killed(BaseException):
    """Simulates SIGKILL: raised instead of a file operation and of all later ones."""


class Guillotine:
    """Allows the first `moments` operations that change files, and lets all later ones fail.

    Operations in `finally` clauses fail as well, since a killed process cleans nothing up. If
    `fails` is the error of a full disk, files can still be removed. A file that is being written is
    left incomplete.
    """

    def __init__(self, monkeypatch, moments, fails=Killed):
        self.left = moments
        self.fell = False
        self.fails = fails
        for name in ("replace", "unlink", "rmdir", "rename", "mkdir"):
            if fails is Killed or name not in ("unlink", "rmdir"):
                monkeypatch.setattr(os, name, self.guard(getattr(os, name)))
        monkeypatch.setattr(h5py, "File", self.guard(h5py.File, tears=True))
        monkeypatch.setattr("builtins.open", self.guard(open, tears=True))

    def guard(self, operation, tears=False):
        def guarded(*args, **kwargs):
            if tears and (len(args) < 2 or "r" in args[1]):
                return operation(*args, **kwargs)
            if self.fell or self.left <= 0:
                self.fell = True
                if tears:
                    Path(args[0]).write_bytes(b"torn")
                raise self.fails
            self.left -= 1
            return operation(*args, **kwargs)

        return guarded


def short_protocol(samples_per_ps=50, **dynamics):
    """A short protocol for tests of the driver, which reads only its dynamics and recording."""
    sample = 1 / samples_per_ps
    recording = Recording(
        sample_interval_ps=sample, energy_interval_ps=5 * sample, frame_interval_ps=sample
    )
    keys = {"timestep_fs": 2.0, "cutoff_nm": 0.6} | dynamics
    return Equilibrate(
        dynamics=Dynamics(**keys), recording=recording, relax_ps=1.0, snapshot_interval_ps=1.0
    )
