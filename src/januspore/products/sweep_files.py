"""The files of a sweep, written: table, figure, and what it was made of."""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import signac
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..analysis.store import write_json
from ..files import written_aside
from ..space import provenance
from .drawing import Panel, bars, legend, panels, save, shades
from .kept import sealed
from .sweep import Asked, sweep
from .sweep_kept import FOLDER


def write_sweep(project: signac.Project, asked: Asked) -> tuple[pd.DataFrame, list[Path]]:
    """Make a sweep and write its CSV, PNG and JSON.

    Returns:
        The table, and the paths of its files.

    Raises:
        InputError: see `sweep.sweep`; nothing is written.
    """
    table, made = sweep(project, asked)
    folder = Path(project.path, "results", FOLDER)
    folder.mkdir(parents=True, exist_ok=True)
    files = {kind: folder / f"{asked.name}.{kind}" for kind in ("csv", "png", "json")}
    with written_aside(files["csv"]) as aside:
        table.to_csv(aside, index=False)
    with written_aside(files["png"]) as aside:
        save(figure(table, asked), aside, "png")
    about = {
        "sweep": asked.name,
        "title": title(asked),
        "made_of": {place: digest for one in made for place, digest in one.made_of.items()},
        "code": provenance.code(),
        "table": table.astype(object).where(table.notna(), None).to_dict(orient="records"),
    }
    others = {kind: path for kind, path in files.items() if kind != "json"}
    write_json(files["json"], sealed(about, others))
    return table, list(files.values())


def title(asked: Asked) -> str:
    """What a sweep shows, in words."""
    text = f"{', '.join(asked.quantities)} over {asked.over}"
    text += f", by {asked.by}" if asked.by else ""
    chosen = ", ".join(f"{key} = {value}" for key, value in asked.where.items())
    text += f"; {chosen}" if chosen else ""
    return text + (f"; {', '.join(asked.allowed)} differ, too" if asked.allowed else "")


# --- figure --------------------------------------------------------------------------------------


def figure(table: pd.DataFrame, asked: Asked) -> Figure:
    """Draw the quantities, those of one unit in one plot."""
    by_unit: dict[str, list[str]] = {}
    for name in dict.fromkeys(table["quantity"]):
        by_unit.setdefault(_unit(name), []).append(name)
    row = [Panel(partial(_draw, table, asked, names)) for names in by_unit.values()]
    return panels(f"{title(asked)}; bars 95 %", [row])


def _draw(table: pd.DataFrame, asked: Asked, names: list[str], axis: Axes) -> None:
    keys = ["quantity", asked.by] if asked.by else ["quantity"]
    groups = list(table[table["quantity"].isin(names)].groupby(keys, sort=False))
    for color, (values, part) in zip(shades(len(groups)), groups, strict=True):
        x = part[asked.over].tolist()
        numeric = all(isinstance(value, int | float) for value in x)
        at = x if numeric else np.arange(len(x))
        label = ", ".join(str(value) for value in values)
        low, high = (part[end].fillna(part["value"]) for end in ("low", "high"))
        style = {"fmt": "o-" if numeric else "o", "ms": 5, "lw": 1, "color": color}
        bars(axis, at, part["value"], low, high, label=label, **style)
        if not numeric:
            axis.set_xticks(at, [str(value) for value in x])
    label = names[0] if len(names) == 1 else _unit(names[0])
    axis.set(xlabel=asked.over.rpartition(".")[2], ylabel=label)
    legend(axis, columns=1)


def _unit(quantity: str) -> str:
    """What stands behind a name's first underscore: "nS" of "total conductance_nS"."""
    return quantity.rpartition(" ")[2].partition("_")[2]
