"""A picture of the system from a real frame: membrane, pore, ions, cut open (paper, Fig. 1A)."""

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from ..materials import label_of
from ..model.forcefield import SPECIES
from ..model.state import read_state
from ..simulate.layout import frames_in, trajectory
from .drawing import COLORS, legend
from .ensemble import Content, Ensemble
from .render import (
    RADII_NM,
    Camera,
    spheres,
    whole_molecules,
)


def make(ensemble: Ensemble) -> Content:
    """Draw the last snapshot of the first seed, and count its atoms."""
    job, model = ensemble.jobs[0], ensemble.model
    path = frames_in(trajectory(job))[-1]
    state = read_state(path, job.id)
    positions = whole_molecules(state.positions, model)
    figure = Figure(figsize=(11, 5), layout="constrained")
    side, front = figure.subplots(1, 2, width_ratios=[model.box[0], model.box[1]])
    # The cell is cut open: atoms in front of the plane through the pore's axis are not drawn.
    side.imshow(**spheres(positions, model, Camera("z", 0.0)))
    side.set(xlabel="x (nm), field direction", ylabel="y (nm)")
    front.imshow(**spheres(positions, model, Camera("x", 0.25), skip=("O", "H")))
    front.set(xlabel="z (nm)", ylabel="y (nm)")
    legend(front, "membrane from +x")
    for name in dict.fromkeys(SPECIES[i] for i in model.type_id):
        style = {"color": COLORS[name], "ec": "0.3", "lw": 0.5, "s": 600 * RADII_NM[name]}
        side.scatter([], [], label=label_of(name), **style)
    legend(side, "cut through the pore's axis", columns=7)
    figure.suptitle(ensemble.title, fontsize=10)
    return Content(_census(model, path), figure, {"frame": path.name, "job": job.id})


def _census(model: Any, path: Path) -> pd.DataFrame:
    counts = {name: int((model.type_id == i).sum()) for i, name in enumerate(SPECIES)}
    counts = {name: count for name, count in counts.items() if count}
    return pd.DataFrame({"species": list(counts), "atoms": list(counts.values())})
