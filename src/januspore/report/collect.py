"""What a data space has made: products with their figures, and what is still to come."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import signac

from ..aggregates import PRODUCTS
from ..analysis import VERSION
from ..conditions import is_analysed
from ..schema import MoS2, MoSSe


@dataclass(frozen=True)
class Made:
    """One product of one ensemble, as read back from its files."""

    product: str
    charge_set: dict[str, Any]
    protocol: dict[str, Any]
    findings: dict[str, Any]
    table: pd.DataFrame
    figure: Path
    jobs: tuple[dict[str, Any], ...]

    @property
    def charges(self) -> str:
        """The charge set in words."""
        parts = [f"{k} {v:+g}" for k, v in self.charge_set.items() if k != "material"]
        return f"{self.charge_set['material']} ({', '.join(parts)} e)"

    @property
    def seeds(self) -> int:
        """Number of seeds combined."""
        return len(self.jobs)

    @property
    def provenance(self) -> str:
        """Seeds, simulated time and engine, in words."""
        ns = sum(job.get("simulated_ps") or 0.0 for job in self.jobs) / 1000
        used = [job["engine"] for job in self.jobs]
        engines = {f"{e.get('name', '?')} {e.get('version', '')}" for e in used}
        platforms = {e.get("platform", "?") for e in used}
        return (
            f"{self.seeds} seed{'s' if self.seeds > 1 else ''}, {ns:.3g} ns, "
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

    def is_papers(self) -> bool:
        """Whether the charge set is the paper's own Janus membrane."""
        return self.charge_set == PAPER_SETS["MoSSe"]


#: The paper's five membranes (Figs 1 and 4).
PAPER_SETS = {
    "MoSSe": MoSSe(Mo=1.06, S=-0.61, Se=-0.45).model_dump(),
    "symmetric": MoSSe(Mo=1.06, S=-0.53, Se=-0.53).model_dump(),
    "high asymmetry": MoSSe(Mo=1.06, S=-0.71, Se=-0.35).model_dump(),
    "neutral": MoSSe(Mo=0.0, S=0.0, Se=0.0).model_dump(),
    "MoS2": MoS2(Mo=1.18, S=-0.59).model_dump(),
}


def products_made(project: signac.Project) -> list[Made]:
    """Read back every product of this version of the analysis, the paper's own membrane first."""
    made = []
    for product in PRODUCTS:
        for path in sorted(Path(project.path, "results", product.name).glob("*/*.json")):
            data = json.loads(path.read_text(encoding="utf-8"))
            if data["analysis_version"] != VERSION:
                continue  # to be made again by the next run
            made.append(
                Made(
                    product=product.name,
                    charge_set=data["charge_set"],
                    protocol=data["protocol"],
                    findings=data["findings"],
                    table=pd.read_csv(path.with_suffix(".csv")),
                    figure=path.with_suffix(".png"),
                    jobs=tuple(data["jobs"]),
                )
            )
    return sorted(made, key=lambda m: not m.is_papers())


def progress(project: signac.Project) -> list[tuple[str, int, int]]:
    """Return (protocol, jobs analysed, jobs) of every protocol in the data space."""
    total: Counter[str] = Counter()
    done: Counter[str] = Counter()
    for job in project:
        name = job.cached_statepoint["protocol"]["name"]
        total[name] += 1
        done[name] += is_analysed(job)
    return [(name, done[name], total[name]) for name in sorted(total)]
