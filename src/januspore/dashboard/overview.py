"""Content of the pages about the whole data space: findings, figures, progress."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import signac

from ..products.sweep_kept import Kept, kept_sweeps
from ..report.collect import Made, products_made
from ..report.comparison import comparison
from ..report.panels import label_of
from ..report.summary import found
from ..report.write import SENTENCES
from ..run.estimate import in_words
from ..run.failures import marked
from ..run.progress import ProductProgress, Progress, product_progress, progress_of, verdict
from ..space.conditions import STAGES

#: Most failures that the page lists.
FAILURES = 20


@dataclass(frozen=True)
class Findings:
    """Findings: the sentences with which the report begins, products by ensemble, sweeps."""

    sentences: list[str]
    by_ensemble: Mapping[str, list[Made]]
    sweeps: list[Kept]


@dataclass(frozen=True)
class Standing:
    """Progress of a data space.

    Attributes:
        progress: progress of its jobs.
        products: progress of its products.
        failed: a line for each of the first failures.
        more_failed: number of further failures.
        verdict: that all is done, or that there is nothing to do; empty otherwise.
    """

    progress: Progress
    products: ProductProgress
    failed: list[str]
    more_failed: int
    verdict: str

    @property
    def time_left(self) -> str:
        """The time left, in words; empty if no running job's speed is known."""
        seconds = self.progress.seconds_left
        return "" if seconds is None else in_words(seconds / 3600)

    @property
    def stages(self) -> list[str]:
        """The stages at which there is any job, in order."""
        return [stage for stage in STAGES if self.progress.at(stage)]

    @property
    def rows(self) -> list[tuple[str, list[int], int]]:
        """For each protocol its name, the number of jobs at each of `stages`, and of all jobs."""
        counted = self.progress.stages
        return [
            (name, [counted[name][stage] for stage in self.stages], counted[name].total())
            for name in sorted(counted)
        ]


def findings_of(project: signac.Project) -> Findings:
    """Read all products and return their findings."""
    made = products_made(project)
    by_ensemble: dict[str, list[Made]] = {}
    for one in made:
        by_ensemble.setdefault(one.label, []).append(one)
    sentences = found(made, comparison(made))[:SENTENCES]
    return Findings(sentences, by_ensemble, kept_sweeps(project))


def standing_of(project: signac.Project) -> Standing:
    """Determine the progress of every job and product."""
    failed, products = list(marked(project)), product_progress(project)
    return Standing(
        progress=progress_of(project),
        products=products,
        failed=failed[:FAILURES],
        more_failed=max(0, len(failed) - FAILURES),
        verdict=verdict(project, products),
    )


def figures(project: signac.Project, made: list[Made]) -> list[dict[str, str]]:
    """Return caption and path under `results/` for each figure of some products."""
    return [
        {
            "name": one.product.replace("_", " "),
            "panel": label_of(one),
            "path": _in_results(project, one.figure),
            "about": one.provenance,
        }
        for one in made
        if one.figure.exists()
    ]


def sweeps(project: signac.Project, kept: list[Kept]) -> list[dict[str, str]]:
    """Return caption and path under `results/` for the figure of each sweep."""
    return [
        {
            "name": one.title,
            "panel": "",
            "path": _in_results(project, one.figure),
            "about": f"STALE: {one.stale}" if one.stale else "",
        }
        for one in kept
    ]


def _in_results(project: signac.Project, path: Path) -> str:
    return path.relative_to(Path(project.path, "results")).as_posix()


def ns_per_day(ps_per_s: float | None) -> str:
    """Return a speed as text, in ns/day."""
    return "speed not known yet" if ps_per_s is None else f"{ps_per_s * 86.4:.3g} ns/day"
