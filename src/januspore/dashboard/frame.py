"""The last configuration of a job, for a viewer that turns it: species, places and the box."""

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
    """Return the newest of a job's kept frames and checkpoint that is whole, None before any."""
    folder = trajectory(job)
    found: list[State] = []
    for path in [folder / CHECKPOINTS[0], *reversed(frames_in(folder))]:
        try:
            found.append(read_state(path, job.id))
        except StateFileError:
            continue  # `verify` tells of what is damaged
        if path.parent != folder:
            break  # the newest frame that is whole
    return max(found, key=lambda state: state.step, default=None)


def configuration(state: State, point: StatePoint) -> dict[str, Any]:
    """Return a configuration as JSON values for the viewer, lengths in nm.

    Returns:
        `species`: each with name, radius and color; `atoms`: of each, the number of its species;
        `places`: x, y, z of each atom one after the other, molecules whole; `oxygens`: which atoms
        are those of waters, each followed by its hydrogens; `in_pore`: those of waters in the
        pore; `box`: edges; `time_ps`.
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
