"""A state: positions, velocities, box and step, and what else an engine needs to continue.

One state is one GSD frame (readable by any GSD viewer, single precision, wrapped with images)
whose log chunks carry float64 copies, so that nothing is lost between stages or at a restart. Its
last bytes are a checksum of all the others. The GSD library can crash on a damaged file, so no file
is opened before its checksum has been compared.
Charges are never read back from a frame: they come from the model.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

import gsd.hoomd
import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..files import seal, seal_holds, written_aside
from .forcefield import SPECIES
from .system import Model

_PREFIX = "januspore/"


class StateFileError(InputError):
    """A state file is torn, corrupt, or of another job."""


@dataclass(frozen=True)
class State:
    """Positions (nm, unwrapped, shape (N, 3)), velocities (nm/ps, (N, 3)), box (nm, (3,)), step.

    `native` holds an engine's own variables (thermostat, rigid bodies) by name, as float64 arrays
    or, for a file's bytes, as uint8. Only the engine named `engine` reads them; another engine
    initialises its own. `carry` holds what a recorder needs after a restart.
    """

    positions: NDArray[np.float64]
    velocities: NDArray[np.float64]
    box: NDArray[np.float64]
    step: int = 0
    engine: str = ""
    native: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    carry: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    def restarted(self, velocities: NDArray[np.float64]) -> "State":
        """Return this configuration at step 0 with other velocities, `native` and `carry` empty."""
        return replace(self, velocities=velocities, step=0, engine="", native={}, carry={})


def write_state(path: Path, model: Model, state: State, owner: str = "") -> None:
    """Write a state as one GSD frame, whole or not at all.

    Args:
        path: file to make or replace.
        model: gives types, charges, masses.
        state: what to keep.
        owner: job id, checked when the file is read back.
    """
    frame = gsd.hoomd.Frame()
    frame.configuration.step = state.step
    frame.configuration.box = [*state.box, 0.0, 0.0, 0.0]
    frame.particles.N = model.n_atoms
    frame.particles.types = list(SPECIES)
    frame.particles.typeid = model.type_id.astype(np.uint32)
    frame.particles.mass = model.mass.astype(np.float32)
    frame.particles.charge = model.charge.astype(np.float32)
    frame.particles.diameter = model.sigma.astype(np.float32)
    image = np.round(state.positions / state.box)
    frame.particles.image = image.astype(np.int32)
    frame.particles.position = (state.positions - image * state.box).astype(np.float32)
    frame.particles.velocity = state.velocities.astype(np.float32)
    for name, value in _chunks(state).items():
        frame.log[_PREFIX + name] = value
    frame.log[_PREFIX + "engine"] = _text(state.engine)
    frame.log[_PREFIX + "owner"] = _text(owner)
    with written_aside(path) as aside:
        with gsd.hoomd.open(str(aside), "w") as trajectory:
            trajectory.append(frame)
        seal(aside)


def read_state(path: Path, owner: str | None = None) -> State:
    """Read a state back, exactly as it was written.

    Raises:
        StateFileError: the file is missing, torn, fails its checksum, or belongs to another job
            than `owner` (where given).
    """
    try:
        if not seal_holds(path.read_bytes()):
            raise StateFileError(f"{path}: torn or damaged, its checksum does not match")
        with gsd.hoomd.open(str(path), "r") as trajectory:
            log = trajectory[0].log
        chunks = {
            key.removeprefix(_PREFIX): np.asarray(value)
            for key, value in log.items()
            if key.startswith(_PREFIX)
        }
        engine, written_by = (chunks.pop(key).tobytes().decode().strip() for key in _TEXTS)
        state = State(
            positions=chunks["positions"],
            velocities=chunks["velocities"],
            box=chunks["box"],
            step=int(chunks["step"][0]),
            engine=engine,
            native=_group(chunks, "native/"),
            carry=_group(chunks, "carry/"),
        )
    except StateFileError:
        raise
    except Exception as error:  # a file of another program raises any of OSError, KeyError, ...
        raise StateFileError(f"{path}: not a readable state ({error})") from None
    if owner is not None and written_by != owner:
        raise StateFileError(f"{path}: belongs to job {written_by or '?'}, not to {owner}")
    return state


_TEXTS = ("engine", "owner")


def _chunks(state: State) -> dict[str, NDArray]:
    groups = {"native/": state.native, "carry/": state.carry}
    named = {
        prefix + key: np.asarray(value, dtype=None if value.dtype == np.uint8 else np.float64)
        for prefix, group in groups.items()
        for key, value in group.items()
    }
    return {
        "positions": np.asarray(state.positions, dtype=np.float64),
        "velocities": np.asarray(state.velocities, dtype=np.float64),
        "box": np.asarray(state.box, dtype=np.float64),
        "step": np.array([state.step], dtype=np.int64),
        **named,
    }


def _group(chunks: dict[str, NDArray], prefix: str) -> dict[str, NDArray]:
    return {k.removeprefix(prefix): v for k, v in chunks.items() if k.startswith(prefix)}


def _text(value: str) -> NDArray[np.uint8]:
    return np.frombuffer((value or " ").encode(), dtype=np.uint8)
