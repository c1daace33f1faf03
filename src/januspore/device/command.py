"""`python -m januspore device`: finds the jobs, fits the device, compares it, and exports it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import signac

from .. import __version__
from ..errors import InputError
from ..files import written_aside
from ..products import PRODUCTS
from ..products.drawing import save
from ..products.ensemble import Ensemble
from ..products.kept import read_product
from ..products.product import same_conditions
from ..products.results import find_jobs
from ..space.conditions import has, is_analysed
from ..space.dataspace import as_text, ensemble_of, names_of, point_of
from ..space.paper import short_name
from .drawing import draw
from .export import as_json, identifier, spice, verilog_a
from .fitted import Fitted, fit_device
from .predict import areas, compare, plain
from .runs import run_of, unfitted_of

FITTED_TO = ("holds", "steps")
PREDICTED = ("cycle", "pairs", "train")
FORMATS = {"spice": ".cir", "verilog-a": ".va", "json": ".json"}
_MAKE = "python init.py --protocol steps (or staircase), then python project.py run"


@dataclass(frozen=True)
class Gathered:
    """The analysed jobs of one membrane in one cell."""

    name: str
    jobs: list[Any]

    def ensembles(self, *capabilities: str) -> list[Ensemble]:
        """Return the ensembles whose protocol has one of these capabilities."""
        groups: dict[str, list[Any]] = {}
        for job in self.jobs:
            if any(has(job, own) for own in capabilities):
                groups.setdefault(ensemble_of(job), []).append(job)
        return [Ensemble.of(group) for group in groups.values()]


def device_command(
    project: signac.Project,
    charges: str,
    where: Mapping[str, Any],
    kind: str,
    output: Path | None,
) -> None:
    """Fit a device, write it, and print its parameters, its predictions and what is not fixed.

    Args:
        project: the data space.
        charges: name of the charge set in the study or in the paper.
        where: values that the jobs must have, by dotted key, such as a pore's diameter.
        kind: one of `FORMATS`.
        output: file to write; `devices/<name>` in the data space if not given.

    Raises:
        InputError: there are no jobs to fit to, or those of more than one cell.
    """
    gathered = gather(project, charges, where)
    fitted = fit(gathered)
    predictions = [
        one
        for ensemble in gathered.ensembles(*PREDICTED)
        for one in compare(fitted, unfitted_of(ensemble))
    ]
    loops = areas(fitted)
    about = [f"januspore {__version__}", *(one.in_words() for one in predictions)]
    if kind == "spice":
        text = spice(fitted, about)
    elif kind == "verilog-a":
        text = verilog_a(fitted, about)
    else:
        more = {"predictions": [plain(one) for one in predictions], "loop_areas": loops}
        text = as_json(fitted, about, {**more, "jobs": [job.id for job in gathered.jobs]})
    path = output or Path(project.path, "devices", identifier(fitted.name) + FORMATS[kind])
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_aside(path) as aside:
        aside.write_text(text, encoding="utf-8")
    picture = path.with_suffix(".png")
    with written_aside(picture) as aside:
        save(draw(fitted, predictions, loops), aside, "png")
    for line in told(fitted, about[1:], loops):
        print(line)
    print(f"written: {path}, {picture.name}")


def gather(project: signac.Project, charges: str, where: Mapping[str, Any]) -> Gathered:
    """Find the analysed jobs of one membrane in one cell.

    Raises:
        InputError: there are none, none with steps of the field, or those of several cells.
    """
    names = names_of(project)

    def name_of(job: Any) -> str:
        point = job.cached_statepoint
        return short_name(point["charge_set"], names.get(as_text(point, "charge_set"), ""))

    usable = [job for job in find_jobs(project, where) if any(has(job, c) for c in _ALL)]
    known = sorted({name_of(job) for job in usable})
    own = [job for job in usable if name_of(job).lower() == charges.lower()]
    if not own:
        shown = ", ".join(known) or "none"
        raise InputError(
            f"--charges = {charges!r}: no job of a charge set of this name applies a field; "
            f"names in this data space: {shown}"
        )
    groups: dict[str, list[Any]] = {}
    for job in own:
        if is_analysed(job):
            groups.setdefault(same_conditions(job), []).append(job)
    fits = {
        key: jobs
        for key, jobs in groups.items()
        if any(has(job, c) for job in jobs for c in FITTED_TO)
    }
    if not fits:
        raise InputError(
            f"--charges = {charges!r}: no relaxation data: a device is fitted to steps of the "
            f"field (protocol steps or staircase), and none is analysed here; {_MAKE}"
        )
    if len(fits) > 1:
        shown = ", ".join(sorted(_cell_in_words(jobs[0]) for jobs in fits.values()))
        raise InputError(
            f"--charges = {charges!r}: {len(fits)} cells ({shown}); say which, such as "
            "protocol.cell.pore_diameter_nm=2.0"
        )
    (jobs,) = fits.values()
    pore = point_of(jobs[0]).protocol.cell.pore_diameter_nm
    return Gathered(f"{name_of(jobs[0])} {pore:g} nm", jobs)


_ALL = (*FITTED_TO, *PREDICTED, "windows")


def _cell_in_words(job: Any) -> str:
    cell = point_of(job).protocol.cell
    return f"pore {cell.pore_diameter_nm:g} nm, {cell.repeats_y} x {cell.repeats_z} cells"


def fit(gathered: Gathered) -> Fitted:
    """Fit a device to the jobs that hold fields or repeat steps."""
    ensembles = gathered.ensembles(*FITTED_TO)
    runs = [run_of(ensemble) for ensemble in ensembles]
    length = float(ensembles[0].model.box[0])
    return fit_device(gathered.name, length, runs, _mean_force(gathered))


def _mean_force(gathered: Gathered) -> dict[float, list[float]]:
    """Currents from the mean force by field, nA, where the product has the total of both ions."""
    product = next(p for p in PRODUCTS if p.name == "mean_force_current")
    held = [job for job in gathered.jobs if has(job, "windows")]
    path = product.path(held[0], "json") if held else None
    made = read_product(path) if path is not None and path.exists() else None
    if made is None:
        return {}
    return {
        row["field_V_per_nm"]: [row[end] for end in ("value", "low", "high")]
        for row in made["table"]
        if (row["quantity"], row["ion"]) == ("current", "total")
        and None not in (row["value"], row["low"], row["high"])
    }


def told(fitted: Fitted, predictions: list[str], loops: list[dict[str, Any]]) -> list[str]:
    """Return the lines that the command prints about a device."""
    lines = [f"{fitted.name}: L = {fitted.length_nm:.4g} nm"]
    lines += [f"  {name} = {v:.3g} [{a:.3g}, {b:.3g}]" for name, (v, a, b) in _intervals(fitted)]
    for own in (*fitted.whole, *fitted.partial):
        lines.append(f"  not fixed: {own.name}, {own.low:.3g} to {own.high:.3g}: {own.why}")
    lines += [f"  note: {note}" for note in fitted.notes]
    lines += [f"  predicts {text}" for text in predictions]
    if not predictions:
        lines.append("  predicts: no sine and no pulses to compare with in this data space")
    sizes = np.abs([np.mean(row["order"]) for row in loops])
    best = loops[int(np.argmax(sizes))]
    area = float(np.mean(best["order"]))
    lines.append(f"  loop of order largest at {best['frequency_GHz']:.3g} GHz, area {area:.2g}")
    return lines


def _intervals(fitted: Fitted) -> list[tuple[str, list[float]]]:
    return list(fitted.intervals.items())
