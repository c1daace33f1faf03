"""What all figures share: colours, titles, legends, bands, panels without data, files.

A figure is made of `Panel`s. One that has nothing to show is left out, and a line below the figure
says why. A figure without any panel is no figure: no file is made of it, and `why_empty` is told
instead. Legends stand above their axes, where they cover no data.
"""

import io
import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from ..materials import SPECIES
from .kept import FORMATS as FORMATS

#: Resolution of figures, pixels an inch.
DPI = 160

#: Atoms and ions, those of the membrane in the paper's colours (Fig. 1A: Se orange, Mo blue, S
#: yellow); directions of a field and of a step of it.
COLORS = {name: own.color for name, own in SPECIES.items()} | {
    "forward": "tab:blue",
    "up": "tab:blue",
    "reverse": "tab:red",
    "down": "tab:red",
    "total": "black",
}
#: What a quantity can be: no band is drawn beyond.
COSINE, NOT_NEGATIVE = (-1.0, 1.0), (0.0, np.inf)
_ANY = (-np.inf, np.inf)
_SMALL, _TITLE = 8, 10
_INCH_A_LINE = 0.16


def shades(count: int) -> list[Any]:
    """Colours of `count` values in their order, such as fields from low to high."""
    return [colormaps["viridis"](x) for x in np.linspace(0.0, 0.85, max(count, 1))]


@dataclass(frozen=True)
class Panel:
    """One plot of a figure: how to draw it, or why it is left out."""

    draw: Callable[[Axes], None]
    missing: str = ""


def panels(
    title: str,
    rows: Sequence[Sequence[Panel]],
    size: tuple[float, float] = (4.0, 3.8),
    same_x: bool = False,
    same_y: bool = False,
) -> Figure:
    """Draw a figure.

    Args:
        title: of the whole figure; long ones are broken.
        rows: panels by row.
        size: of one panel, inches.
        same_x: whether all panels share the range of x.
        same_y: whether the panels of a row share the range of y.

    Returns:
        A figure of the panels that have something to show, with the reasons of the others below.
    """
    shown = [kept for row in rows if (kept := [panel for panel in row if not panel.missing])]
    notes = list(dict.fromkeys(panel.missing for row in rows for panel in row if panel.missing))
    columns = max((len(row) for row in shown), default=2)
    width = max(size[0] * columns, 6.0)
    letters = int(width * 14)
    # A figure without panels is not drawn: its reasons are read, and not broken into lines.
    lines = [line for note in notes for line in (textwrap.wrap(note, letters) if shown else [note])]
    heads = textwrap.wrap(title, int(width * 11))
    height = size[1] * max(len(shown), 1) + _INCH_A_LINE * len(lines)
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.suptitle("\n".join(heads), fontsize=_TITLE)
    if lines:
        figure.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=_SMALL)
    parts = math.lcm(*(len(row) for row in shown)) if shown else 1
    grid = figure.add_gridspec(max(len(shown), 1), parts)
    drawn = []
    for k, row in enumerate(shown):
        span = parts // len(row)
        axes = [figure.add_subplot(grid[k, span * j : span * (j + 1)]) for j in range(len(row))]
        for axis, panel in zip(axes, row, strict=True):
            panel.draw(axis)
        if same_y:
            _same_range(axes, "y")
        drawn += axes
    if same_x:
        _same_range(drawn, "x")
    return figure


def why_empty(figure: Figure) -> str:
    """Return why a figure of `panels` has none to show, in one line; empty if it has one."""
    return "" if figure.axes else figure.get_supxlabel().replace("\n", "; ")


def _same_range(axes: Sequence[Axes], which: str) -> None:
    ends = np.array([getattr(axis, f"get_{which}lim")() for axis in axes])
    for axis in axes:
        getattr(axis, f"set_{which}lim")(ends[:, 0].min(), ends[:, 1].max())


def legend(axis: Axes, title: str = "", columns: int = 3) -> None:
    """Put an axis's legend, and its title, above it, where it covers no data."""
    handles, labels = axis.get_legend_handles_labels()
    if not handles:
        axis.set_title(title, fontsize=_TITLE)
        return
    drawn = axis.legend(
        handles,
        labels,
        title=title or None,
        title_fontsize=_TITLE,
        fontsize=_SMALL,
        frameon=False,
        ncols=min(columns, len(handles)),
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        borderaxespad=0.2,
        columnspacing=1.2,
        handlelength=1.6,
    )
    drawn.get_title().set_multialignment("center")


def band(
    axis: Axes,
    x: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    color: Any,
    within: tuple[float, float] = _ANY,
) -> None:
    """Shade an interval along a curve, no farther than the quantity can go."""
    ends = (np.clip(np.asarray(end, dtype=float), *within) for end in (low, high))
    axis.fill_between(np.asarray(x, dtype=float), *ends, color=color, alpha=0.15, lw=0)


def bars(
    axis: Axes,
    x: ArrayLike,
    value: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    within: tuple[float, float] = _ANY,
    **style: Any,
) -> None:
    """Draw points with their intervals as bars, no farther than the quantity can go."""
    points = np.asarray(value, dtype=float)
    bottom, top = (np.clip(np.asarray(end, dtype=float), *within) for end in (low, high))
    # A value may lie beyond where its interval is cut.
    error = np.maximum([points - bottom, top - points], 0.0)
    kept: dict[str, Any] = {"fmt": "o", "capsize": 3} | style
    axis.errorbar(np.asarray(x, dtype=float), points, error, **kept)


def zero_lines(axis: Axes, x: bool = True, y: bool = True) -> None:
    """Draw where x, or y, is zero, behind the data."""
    if y:
        axis.axhline(0, color="0.7", lw=0.5, zorder=0)
    if x:
        axis.axvline(0, color="0.7", lw=0.5, zorder=0)


def log_y(axis: Axes) -> None:
    """Make y logarithmic, with plain numbers at its ticks, however little it spans."""
    axis.set_yscale("log")
    low, high = axis.get_ylim()
    subs = (1.0, 2.0, 5.0) if high > 10 * low else range(1, 10)
    axis.yaxis.set_major_locator(LogLocator(subs=subs))
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_formatter(NullFormatter())


def seen(values: ArrayLike) -> bool:
    """Whether there is anything to draw among some values."""
    found: NDArray = np.asarray(values, dtype=float)
    return bool(np.isfinite(found).any())


def save(figure: Figure, path: Path, kind: str) -> None:
    """Write a figure as one of `FORMATS`.

    A PNG has 256 colours of its own: it looks the same at a third of the size. A report holds some
    forty figures, and is mailed and committed. SVG and PDF carry no date: they are the same
    whenever they are written.
    """
    if kind != "png":
        metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}[kind]
        with rc_context({"svg.hashsalt": "januspore"}):
            figure.savefig(path, dpi=DPI, format=kind, metadata=metadata)
        return
    raw = io.BytesIO()
    figure.savefig(raw, dpi=DPI, format="png")
    with Image.open(raw) as image:
        image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, format="PNG")
