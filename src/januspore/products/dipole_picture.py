"""Pore waters and their dipoles at the lowest and the highest field (paper, Fig. 2A)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Arc
from numpy.typing import NDArray

from ..analysis.frames import kept_frames
from ..materials import label_of
from ..model.forcefield import SPECIES
from ..model.state import State
from ..model.system import Model
from ..protocols import Recording
from ..simulate.observables import dipole_orientation, in_pore
from .drawing import COLORS
from .ensemble import Content, Ensemble
from .render import (
    RADII_NM,
    Camera,
    spheres,
    whole_molecules,
)

#: Half of the edge of what is shown, nm, at least; and membrane shown beyond the pore's edge.
_VIEW_NM, _RIM_NM = 0.85, 0.4
#: Length of a dipole's arrow that lies in the plane of the picture, nm.
_ARROW_NM = 0.26
_PIXELS_PER_NM = 400
#: Colours of the arrows: cos of the dipole to +x.
_ALIGNMENT = ScalarMappable(Normalize(-1, 1), "coolwarm")


@dataclass(frozen=True)
class Snapshot:
    """One frame: field, time, positions with molecules whole, and which waters are in the pore."""

    name: str
    field: float
    time_ps: float
    positions: NDArray
    waters: NDArray
    theta: NDArray
    cosine: NDArray


def make(ensemble: Ensemble) -> Content:
    """Draw the frames with the lowest and the highest |field| of the first seed."""
    job, point, model = ensemble.jobs[0], ensemble.point, ensemble.model
    frames = list(kept_frames(job, ensemble.point))
    dt = point.protocol.dynamics.timestep_ps
    shots = [
        snapshot(name, *frames[k], dt, model, point.protocol.recording)
        for name, k in chosen([field for field, _ in frames]).items()
    ]
    findings: dict[str, Any] = {"job": job.id, "frames kept": len(frames)}
    for shot in shots:
        findings[f"{shot.name} field"] = _describe(shot)
    findings["note"] = "two snapshots of one seed: a picture, not a statistic (see water_order)"
    if not shots:
        findings["note"] = "no frames were kept of this job"
    return Content(_table(shots), _figure(ensemble, shots), findings)


def chosen(fields: list[float]) -> dict[str, int]:
    """Index of the frames with the lowest and the highest |field|.

    Among frames of equal |field|, the earliest of the lowest is taken, and of the highest one with
    the field along +x, as in the paper. A single frame is named "only".
    """
    if not fields:
        return {}
    size = np.round(np.abs(fields), 6)
    lowest = int(np.argmin(size))
    highest = max(range(len(fields)), key=lambda k: (size[k], fields[k]))
    return {"lowest": lowest, "highest": highest} if len(fields) > 1 else {"only": 0}


def snapshot(
    name: str, field: float, state: State, dt_ps: float, model: Model, recording: Recording
) -> Snapshot:
    """Find the pore's waters of a frame and the angles of their dipoles."""
    positions = whole_molecules(state.positions, model)
    oxygen = positions[model.waters[:, 0]]
    inside = in_pore(oxygen, model.box, recording.pore_half_length_nm, recording.pore_radius_nm)
    waters = model.waters[inside]
    theta, cosine = dipole_orientation(oxygen[inside], positions[waters[:, 1:]])
    return Snapshot(name, field, state.step * dt_ps, positions, waters, theta, cosine)


def _describe(shot: Snapshot) -> str:
    what = f"E = {shot.field + 0.0:.2f} V/nm at {shot.time_ps:g} ps"
    if len(shot.waters) == 0:
        return f"{what}: no water in the pore"
    return f"{what}: {len(shot.waters)} waters in the pore, mean cos to +x {shot.cosine.mean():.2f}"


def _table(shots: list[Snapshot]) -> pd.DataFrame:
    """One row for each water in the pore."""
    columns = ("frame", "field_V_per_nm", "time_ps", "x_nm", "y_nm", "z_nm", "theta_deg", "cos_x")
    rows = [
        (shot.name, shot.field, shot.time_ps, *place, np.degrees(theta), cosine)
        for shot in shots
        for place, theta, cosine in zip(
            shot.positions[shot.waters[:, 0]], shot.theta, shot.cosine, strict=True
        )
    ]
    return pd.DataFrame(rows, columns=list(columns))


# --- figure ------------------------------------------------------------------------------------


def _figure(ensemble: Ensemble, shots: list[Snapshot]) -> Figure:
    figure = Figure(figsize=(5 * max(len(shots), 1) + 2.6, 5.2), layout="constrained")
    panels = max(len(shots), 1)
    axes = figure.subplots(1, panels + 1, width_ratios=[1.0] * panels + [0.45])
    for axis, shot in zip(axes, shots, strict=False):
        _draw(axis, shot, ensemble.model)
    if not shots:
        axes[0].text(0.5, 0.5, "no frames were kept", ha="center", transform=axes[0].transAxes)
    _draw_convention(axes[-1], ensemble.model)
    figure.colorbar(_ALIGNMENT, ax=axes[:-1], label="cos of the dipole to +x", shrink=0.8, pad=0.01)
    figure.suptitle(
        f"{ensemble.title}, seed {ensemble.jobs[0].statepoint['seed']}: dipoles of the waters in "
        "the pore; membrane cut open through the axis",
        fontsize=10,
    )
    return figure


def _draw(axis: Axes, shot: Snapshot, model: Model) -> None:
    axis.imshow(
        **spheres(
            shot.positions,
            model,
            Camera("z", 0.0, _PIXELS_PER_NM),
            only=_drawn(shot, model),
        )
    )
    oxygen = shot.positions[shot.waters[:, 0]]
    length = _in_plane(shot) * _ARROW_NM
    along = length * np.cos(shot.theta), length * np.sin(shot.theta)
    # Arrows pass through the molecule; a short one is a dipole nearly normal to the picture.
    start = oxygen[:, 0] - along[0] / 3, oxygen[:, 1] - along[1] / 3
    axis.quiver(
        *start,
        *along,
        shot.cosine,
        cmap=_ALIGNMENT.cmap,
        clim=_ALIGNMENT.get_clim(),
        angles="xy",
        scale_units="xy",
        scale=1,
        width=0.011,
        edgecolor="k",
        linewidth=0.7,
        zorder=4,
    )
    view = max(_VIEW_NM, model.pore.diameter_nm / 2 + _RIM_NM)
    axis.set(xlim=(-view, view), ylim=(-view, view), xlabel="x (nm)")
    axis.set_ylabel("y (nm)")
    axis.set_title(_describe(shot).replace(": ", "\n"), fontsize=10)
    _field_arrow(axis, shot.field, view)


def _in_plane(shot: Snapshot) -> NDArray:
    """Part of each dipole's length that lies in the x-y plane, shape (n_waters,)."""
    oxygen = shot.positions[shot.waters[:, 0]]
    dipole = shot.positions[shot.waters[:, 1:]].mean(axis=1) - oxygen
    return np.linalg.norm(dipole[:, :2], axis=1) / np.linalg.norm(dipole, axis=1)


def _drawn(shot: Snapshot, model: Model) -> NDArray[np.bool_]:
    """The membrane's far half, the pore's waters, and ions as near to the axis as these."""
    position = shot.positions
    drawn = model.frozen & (position[:, 2] <= 0.0)
    drawn[shot.waters.ravel()] = True
    near = np.hypot(position[:, 1], position[:, 2]) < model.pore.diameter_nm / 2
    ions = np.isin(model.type_id, [SPECIES.index(name) for name in model.ion_charges])
    return drawn | (ions & near)


def _field_arrow(axis: Axes, field: float, view: float) -> None:
    """Draw the field's direction, left of the membrane, in a picture of half edge `view`, nm."""
    middle, y, half = -0.7 * view, 0.82 * view, 0.24 * view * np.sign(field)
    if abs(field) < 1e-6:
        axis.text(middle, y, "E = 0", ha="center", weight="bold")
        return
    arrow = {"arrowstyle": "-|>", "lw": 2, "color": "k"}
    axis.annotate("", (middle + half, y), (middle - half, y), arrowprops=arrow)
    axis.text(middle, y + 0.03, "E", ha="center", va="bottom", weight="bold")


def _draw_convention(axis: Axes, model: Model) -> None:
    """Draw theta: from +x, which the field of positive sign points along, to the dipole."""
    axis.set(xlim=(-0.6, 1.4), ylim=(-1.85, 1.5), aspect="equal")
    axis.axis("off")
    axis.annotate("", (1.3, 0), (0, 0), arrowprops={"arrowstyle": "->", "lw": 1.2})
    axis.text(1.3, -0.18, "+x", ha="right")
    angle = np.radians(50)
    tip = 1.15 * np.cos(angle), 1.15 * np.sin(angle)
    axis.annotate("", tip, (0, 0), arrowprops={"arrowstyle": "-|>", "lw": 2.2, "color": "tab:red"})
    axis.text(tip[0], tip[1] + 0.06, "dipole in x-y", ha="center", color="tab:red", fontsize=9)
    axis.add_patch(Arc((0, 0), 1.0, 1.0, theta1=0, theta2=50, lw=1.2))
    axis.text(0.58, 0.2, "θ", fontsize=13)
    bend = np.radians(109.47 / 2)
    axis.plot(0, 0, "o", ms=20, color=COLORS["O"], mec="0.3")
    for turn in (-bend, bend):
        place = 0.34 * np.cos(angle + turn), 0.34 * np.sin(angle + turn)
        size = 20 * RADII_NM["H"] / RADII_NM["O"]
        axis.plot(*place, "o", ms=size, color=COLORS["H"], mec="0.3")
    axis.text(0.4, -0.6, "theta = 0: along +x", ha="center", fontsize=9)
    present = {SPECIES[i] for i in model.type_id}
    for k, name in enumerate(name for name in COLORS if name in present):
        axis.plot(-0.3, -0.85 - 0.15 * k, "o", ms=7, color=COLORS[name], mec="0.3")
        axis.text(-0.15, -0.85 - 0.15 * k, label_of(name), va="center", fontsize=8)
