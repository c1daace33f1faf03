"""What the pages of the whole data space show: what was found, its figures, how far it is."""

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

#: Failures that the page names.
FAILURES = 20


@dataclass(frozen=True)
class Findings:
    """What was found: sentences as the report begins with, what was made by ensemble, sweeps."""

    sentences: list[str]
    by_ensemble: Mapping[str, list[Made]]
    sweeps: list[Kept]


@dataclass(frozen=True)
class Standing:
    """How far a data space is.

    Attributes:
        progress: of its jobs.
        products: of its products.
        failed: a line for each failure, and how many more there are.
        verdict: that all is done, or that there is nothing to do; empty otherwise.
    """

    progress: Progress
    products: ProductProgress
    failed: list[str]
    more_failed: int
    verdict: str

    @property
    def time_left(self) -> str:
        """The time left, in words; empty where nothing runs whose speed is known."""
        seconds = self.progress.seconds_left
        return "" if seconds is None else in_words(seconds / 3600)

    @property
    def stages(self) -> list[str]:
        """The stages that any job is at, in order."""
        return [stage for stage in STAGES if self.progress.at(stage)]

    @property
    def rows(self) -> list[tuple[str, list[int], int]]:
        """Protocol, its jobs at each of `stages`, and its jobs."""
        counted = self.progress.stages
        return [
            (name, [counted[name][stage] for stage in self.stages], counted[name].total())
            for name in sorted(counted)
        ]


def findings_of(project: signac.Project) -> Findings:
    """Read back every product, and say what a reader wants to know first."""
    made = products_made(project)
    by_ensemble: dict[str, list[Made]] = {}
    for one in made:
        by_ensemble.setdefault(one.label, []).append(one)
    sentences = found(made, comparison(made))[:SENTENCES]
    return Findings(sentences, by_ensemble, kept_sweeps(project))


def standing_of(project: signac.Project) -> Standing:
    """Look at every job."""
    failed, products = list(marked(project)), product_progress(project)
    return Standing(
        progress=progress_of(project),
        products=products,
        failed=failed[:FAILURES],
        more_failed=max(0, len(failed) - FAILURES),
        verdict=verdict(project, products),
    )


def figures(project: signac.Project, made: list[Made]) -> list[dict[str, str]]:
    """Return a caption and a path under `results/` for each figure of some products."""
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
    """Return the same for sweeps."""
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
    """A speed in words."""
    return "speed not known yet" if ps_per_s is None else f"{ps_per_s * 86.4:.3g} ns/day"
