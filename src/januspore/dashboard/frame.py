"""The last configuration of a job for the viewer: species, positions and the box."""

from typing import Any

import numpy as np

from ..model.forcefield import SPECIES
from ..model.state import State, StateFileError, read_state
from ..model.system import build_model
from ..products.render import COLORS, RADII_NM, whole_molecules
from ..schema import StatePoint
from ..simulate.layout import CHECKPOINTS, frames_in, trajectory
from ..simulate.observables import in_pore


def last_state(job: Any) -> State | None:
    """Return the newest undamaged state among a job's frames and checkpoint, None if none."""
    folder = trajectory(job)
    found: list[State] = []
    for path in [folder / CHECKPOINTS[0], *reversed(frames_in(folder))]:
        try:
            found.append(read_state(path, job.id))
        except StateFileError:
            continue  # `verify` reports damaged files
        if path.parent != folder:
            break  # the newest frame that is whole
    return max(found, key=lambda state: state.step, default=None)


def configuration(state: State, point: StatePoint) -> dict[str, Any]:
    """Return a configuration as JSON values for the viewer, lengths in nm.

    Returns:
        `species`: name, radius and color of each; `atoms`: for each atom, the index of its species;
        `places`: x, y, z of each atom in turn, with whole molecules; `oxygens`: indices of the
        oxygens of waters, each followed by its hydrogens; `in_pore`: the oxygens in the pore;
        `box`: edges; `time_ps`.
    """
    model = build_model(point)
    positions = whole_molecules(state.positions, model)
    recording, oxygens = point.protocol.recording, model.waters[:, 0]
    radius = recording.pore_radius_nm
    inside = in_pore(positions[oxygens], model.box, recording.pore_half_length_nm, radius)
    kinds = sorted(set(model.type_id.tolist()))
    return {
        "species": [
            {"name": name, "radius": RADII_NM[name], "color": COLORS[name]}
            for name in (SPECIES[k] for k in kinds)
        ],
        "atoms": np.searchsorted(kinds, model.type_id).tolist(),
        "places": np.round(positions, 3).ravel().tolist(),
        "oxygens": oxygens.tolist(),
        "in_pore": oxygens[inside].tolist(),
        "box": [round(float(edge), 4) for edge in model.box],
        "time_ps": round(state.step * point.protocol.dynamics.timestep_ps, 6),
    }
