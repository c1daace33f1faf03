"""Atoms as lit spheres, drawn into an image with a depth buffer."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from ..materials import SPECIES as ATOMS
from ..model.forcefield import SPECIES
from ..model.system import Model
from ..simulate.observables import wrap
from .drawing import COLORS

RADII_NM = {name: own.radius_nm for name, own in ATOMS.items()}
_LIGHT = np.array([-0.4, 0.5, 0.77])


@dataclass(frozen=True)
class Camera:
    """Looks down an axis; atoms nearer than `cut_nm` along it are not drawn."""

    axis: Literal["x", "z"]
    cut_nm: float
    pixels_per_nm: int = 180

    @property
    def axes(self) -> tuple[int, int, int]:
        """Indices of the coordinates across, up, and towards the camera."""
        return (0, 1, 2) if self.axis == "z" else (2, 1, 0)


def whole_molecules(positions: NDArray, model: Model) -> NDArray[np.float64]:
    """Wrap positions into the box, nm, shape (N, 3), hydrogens staying with their oxygen."""
    wrapped = wrap(positions, model.box)
    for k in (1, 2):
        bond = positions[model.waters[:, k]] - positions[model.waters[:, 0]]
        wrapped[model.waters[:, k]] = wrapped[model.waters[:, 0]] + bond
    return wrapped


def spheres(
    positions: NDArray,
    model: Model,
    camera: Camera,
    skip: tuple[str, ...] = (),
    only: NDArray | None = None,
) -> dict[str, Any]:
    """Draw atoms; returns arguments for `matplotlib.axes.Axes.imshow`.

    Args:
        positions: nm, wrapped, shape (N, 3).
        model: species and box.
        camera: direction of view.
        skip: species left out.
        only: mask of the atoms drawn, shape (N,), instead of what `camera` and `skip` say.
    """
    across, up, near = camera.axes
    width, height = model.box[across], model.box[up]
    scale = camera.pixels_per_nm
    shape = (int(height * scale), int(width * scale))
    image, depth = np.ones((*shape, 3)), np.full(shape, -np.inf)
    names = np.array(SPECIES)[model.type_id]
    drawn = (positions[:, near] <= camera.cut_nm) & ~np.isin(names, skip)
    drawn = drawn if only is None else only
    back = positions[drawn, near].min() if drawn.any() else 0.0
    for i in np.flatnonzero(drawn):
        centre = (positions[i, [across, up]] + [width / 2, height / 2]) * scale
        # Farther atoms are paler, which shows depth without perspective.
        behind = max(camera.cut_nm - positions[i, near], 0.0)
        fade = 0.55 * behind / max(camera.cut_nm - back, 1e-9)
        color = np.array(to_rgb(COLORS[names[i]])) * (1 - fade) + fade
        ball = _Ball(centre, float(positions[i, near]), RADII_NM[names[i]], scale)
        _sphere(image, depth, ball, color)
    half = (-width / 2, width / 2, -height / 2, height / 2)
    return {"X": np.clip(image, 0, 1), "origin": "lower", "extent": half}


@dataclass(frozen=True)
class _Ball:
    """Centre in pixels; height towards the camera and radius in nm; pixels per nm."""

    centre: NDArray
    near: float
    radius: float
    scale: int


def _sphere(image: NDArray, depth: NDArray, ball: _Ball, color: NDArray) -> None:
    centre, near, radius = ball.centre, ball.near, ball.radius
    pixels = radius * ball.scale
    (left, bottom), (right, top) = (
        np.maximum(np.floor(centre - pixels), 0).astype(int),
        np.minimum(np.ceil(centre + pixels) + 1, depth.shape[::-1]).astype(int),
    )
    if right <= left or top <= bottom:
        return
    y, x = np.mgrid[bottom:top, left:right]
    dx, dy = (x - centre[0]) / pixels, (y - centre[1]) / pixels
    r2 = dx**2 + dy**2
    height = np.sqrt(np.maximum(1 - r2, 0))
    z = near + radius * height
    window = (slice(bottom, top), slice(left, right))
    visible = (r2 <= 1) & (z > depth[window])
    light = 0.45 + 0.55 * np.clip(dx * _LIGHT[0] + dy * _LIGHT[1] + height * _LIGHT[2], 0, 1)
    light *= np.where(r2 > 0.85, 0.6, 1.0)  # a dark rim separates touching spheres
    shaded = color * light[..., None]
    depth[window] = np.where(visible, z, depth[window])
    image[window] = np.where(visible[..., None], shaded, image[window])
