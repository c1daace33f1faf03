"""What a data space has made: products with their figures, and what is still to come."""

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import signac

from ..aggregates import PRODUCTS
from ..aggregates.ensemble import in_numbers
from ..aggregates.product import FORMAT
from ..analysis import VERSION
from ..conditions import is_analysed
from ..paper import in_words, order


@dataclass(frozen=True)
class Made:
    """One product of one ensemble, as read back from its files."""

    product: str
    charge_sets: tuple[dict[str, Any], ...]
    protocol: dict[str, Any]
    findings: dict[str, Any]
    table: pd.DataFrame
    figure: Path
    jobs: tuple[dict[str, Any], ...]
    #: Other products of the same membranes, cell and dynamics, by name.
    beside: dict[str, "Made"] = field(default_factory=dict)

    @property
    def charges(self) -> str:
        """The charge set in words, or how many there are."""
        several = len(self.charge_sets)
        return in_words(self.charge_sets[0]) if several == 1 else f"{several} membranes"

    @property
    def seeds(self) -> int:
        """Number of seeds combined."""
        return len(self.jobs)

    @property
    def equilibrations(self) -> int:
        """Number of equilibrations that the seeds started from: what an interval counts."""
        count = self.protocol.get("equilibration", {}).get("count", len(self.jobs))
        return len({job["seed"] % count for job in self.jobs})

    @property
    def provenance(self) -> str:
        """Seeds, simulated time and engine, in words."""
        ns = sum(job.get("simulated_ps") or 0.0 for job in self.jobs) / 1000
        used = [job["engine"] for job in self.jobs]
        engines = {f"{e.get('name', '?')} {e.get('version', '')}" for e in used}
        platforms = {e.get("platform", "?") for e in used}
        return (
            f"{in_numbers(self.seeds, self.equilibrations)}, {ns:.3g} ns, "
            f"{', '.join(sorted(engines)).strip()} ({', '.join(sorted(platforms))})"
        )

    @property
    def conditions(self) -> str:
        """What of the simulation a reader needs to compare it with the paper's."""
        cell, dynamics = self.protocol["cell"], self.protocol["dynamics"]
        shown = (
            f"{cell['repeats_y']} x {cell['repeats_z']} cells, {cell['reservoir_nm']:g} nm a side, "
            f"cut-off {dynamics['cutoff_nm']:g} nm, {dynamics['timestep_fs']:g} fs"
        )
        if "frequency_GHz" in self.protocol:
            shown += f", {self.protocol['frequency_GHz']:g} GHz"
        return shown


def products_made(project: signac.Project) -> list[Made]:
    """Read back every product of this version of the analysis, the paper's own membrane first."""
    made = []
    for product in PRODUCTS:
        for path in sorted(Path(project.path, "results", product.name).glob("*/*.json")):
            data = json.loads(path.read_text(encoding="utf-8"))
            if (data["analysis_version"], data.get("format")) != (VERSION, FORMAT):
                continue  # to be made again by the next run
            made.append(
                Made(
                    product=product.name,
                    charge_sets=tuple(own["charge_set"] for own in data["membranes"]),
                    protocol=data["protocol"],
                    findings=data["findings"],
                    table=pd.read_csv(path.with_suffix(".csv")),
                    figure=path.with_suffix(".png"),
                    jobs=tuple(job for own in data["membranes"] for job in own["jobs"]),
                )
            )
    return sorted(map(partial(_with_others, made), made), key=lambda m: order(m.charge_sets[0]))


def _with_others(made: list[Made], one: Made) -> Made:
    """Put the products of the same membranes under the same conditions beside one of them."""

    def conditions(m: Made) -> list[Any]:
        keys = ("cell", "force_field", "dynamics")
        return [m.charge_sets, *(m.protocol.get(key) for key in keys)]

    alike = [m for m in made if m is not one and conditions(m) == conditions(one)]
    return replace(one, beside={m.product: m for m in alike})


def progress(project: signac.Project) -> list[tuple[str, int, int]]:
    """Return (protocol, jobs analysed, jobs) of every protocol in the data space."""
    total: Counter[str] = Counter()
    done: Counter[str] = Counter()
    for job in project:
        name = job.cached_statepoint["protocol"]["name"]
        total[name] += 1
        done[name] += is_analysed(job)
    return [(name, done[name], total[name]) for name in sorted(total)]
