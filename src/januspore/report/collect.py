"""The products of a data space with their figures, and the number of jobs still to do."""

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import signac

from ..products import PRODUCTS
from ..products.ensemble import in_numbers
from ..products.kept import NO_FIGURE, read_product
from ..products.product import Product
from ..protocols import Protocol
from ..schema import parse
from ..space.conditions import is_analysed
from ..space.dataspace import as_text, names_of
from ..space.paper import (
    departures,
    in_words,
    order,
    short_name,
)
from ..space.varying import varying


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
    #: Keys of the protocol that distinguish it from others of the same product, in words.
    told: str = ""
    #: The name that a study gave to its charge set, where the paper has none.
    given: str = ""
    #: Differences from the paper's conditions, in words.
    departs: str = ""
    #: Why it does not belong to the present data, empty if it does.
    stale: str = ""
    #: Other products of the same membranes, cell and dynamics, by name.
    beside: dict[str, "Made"] = field(default_factory=dict)

    @property
    def without_figure(self) -> str:
        """Why it has no figure, empty if it has one."""
        return str(self.findings.get(NO_FIGURE, ""))

    @property
    def charges(self) -> str:
        """The charge set in words, or how many there are."""
        if len(self.charge_sets) > 1:
            return f"{len(self.charge_sets)} membranes"
        charges = in_words(self.charge_sets[0])
        return f"{self.given}: {charges}" if self.given else charges

    @property
    def label(self) -> str:
        """The charges, and the other keys that distinguish it from others of its product."""
        return f"{self.charges}; {self.told}" if self.told else self.charges

    @property
    def name(self) -> str:
        """The same, short."""
        alone = len(self.charge_sets) == 1
        name = short_name(self.charge_sets[0], self.given) if alone else self.charges
        return f"{name} ({self.told})" if self.told else name

    @property
    def seeds(self) -> int:
        """Number of seeds combined."""
        return len(self.jobs)

    @property
    def equilibrations(self) -> int:
        """Number of equilibrations that the seeds started from, which intervals are over."""
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
            + (f"; STALE: {self.stale}" if self.stale else "")
        )

    @property
    def conditions(self) -> str:
        """Cell, cut-off, time step and salt, for comparison with the paper."""
        cell, dynamics = self.protocol["cell"], self.protocol["dynamics"]
        if "edge_nm" in cell:
            box = f"{cell['edge_nm']:g} nm cube"
        else:
            membrane = f"{cell['repeats_y']} x {cell['repeats_z']} cells"
            box = f"{membrane}, {cell['reservoir_nm']:g} nm a side"
        numerics = f"cut-off {dynamics['cutoff_nm']:g} nm, {dynamics['timestep_fs']:g} fs"
        shown = f"{box}, {numerics}"
        if "salt" in cell:  # not the paper's
            shown += f", {cell['salt']}"
        if "frequency_GHz" in self.protocol:
            shown += f", {self.protocol['frequency_GHz']:g} GHz"
        return shown


def products_made(project: signac.Project) -> list[Made]:
    """Read back every product of this version of the analysis, the paper's own membrane first."""
    made = []
    names = names_of(project)
    for product in PRODUCTS:
        inputs = {product.path(jobs[0], "json"): jobs for jobs in product.groups(project)}
        for path in sorted(Path(project.path, "results", product.name).glob("*/*.json")):
            data = read_product(path)
            if (
                data is None
            ):  # of another version, or damaged and reported: the next run makes it again
                continue
            protocol = parse(Protocol, data["protocol"], str(path))
            made.append(
                Made(
                    product=product.name,
                    charge_sets=tuple(own["charge_set"] for own in data["membranes"]),
                    protocol=data["protocol"],
                    findings=data["findings"],
                    table=pd.read_csv(path.with_suffix(".csv")),
                    figure=path.with_suffix(".png"),
                    jobs=tuple(job for own in data["membranes"] for job in own["jobs"]),
                    departs=departures(data["membranes"][0]["charge_set"]["material"], protocol),
                    given=names.get(as_text(data["membranes"][0], "charge_set"), ""),
                    told=varying(project, protocol.name).legend(protocol),
                    stale=_stale(product, inputs.get(path)),
                )
            )
    return sorted(map(partial(_with_others, made), made), key=lambda m: order(m.charge_sets[0]))


def _stale(product: Product, jobs: list[Any] | None) -> str:
    """Return why a product does not belong to the present data, empty if it does."""
    if jobs is None:
        return "its jobs are no longer in this data space"
    if not product.is_made(*jobs):
        return "not of the present data: python project.py run makes it again"
    return ""


def _with_others(made: list[Made], one: Made) -> Made:
    """Add to a product the others of the same membranes under the same conditions."""

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
