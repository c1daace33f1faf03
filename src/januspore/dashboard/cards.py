"""The cards of the pages: modules of signac-dashboard, derived from its own where it has one.

Cards read job documents by `space.dataspace`, as signac's own access would create the folder of a
job that was deleted.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import flask
import signac
from signac_dashboard.module import Module
from signac_dashboard.modules import (
    DocumentList,
    FileList,
    FlowStatus,
    ImageViewer,
    StatepointList,
)

from ..errors import InputError
from ..products.results import flat
from ..run.progress import is_simulated, job_ps, ps_per_s, simulated_ps
from ..simulate.layout import CHECKPOINTS, FRAMES, PARTS, RECORD, trajectory
from ..space.conditions import MARK, read_summary, stage
from ..space.dataspace import document_of, protocol_of
from . import access, overview, words
from .refreshed import Refreshed
from .traces import folders_of

#: Number of files that are listed for one folder of a job.
LISTED = 12


def card(name: str, template: str, **about: Any) -> dict[str, Any]:
    """Return a card in the form that the templates need; `wide` ones span the page."""
    return {
        "name": name,
        "wide": about.pop("wide", False),
        "content": flask.render_template(f"cards/{template}", **about),
    }


class ProjectModule(Module):
    """A module of the project page."""

    _supported_contexts: ClassVar[set[str]] = {"ProjectContext"}


class JobModule(Module):
    """A module of a job's page."""

    _supported_contexts: ClassVar[set[str]] = {"JobContext"}


class Standing(ProjectModule):
    """Progress of the data space; a script on the page renews this card."""

    def __init__(self, standing: Refreshed[overview.Standing]) -> None:
        super().__init__("Progress", "ProjectContext", "cards/standing.html")
        self._standing = standing

    def get_cards(self, project: signac.Project) -> list[dict[str, Any]]:
        """One card."""
        return [card(self.name, "standing.html", wide=True, **self.about(project))]

    def about(self, project: signac.Project) -> dict[str, Any]:
        """Return the variables of the card's template."""
        return {
            "found": self._standing.get(),
            "fault": self._standing.fault,
            "jobs": len(project),
            "ns_per_day": overview.ns_per_day,
            "amount": words.amount,
        }


class Sentences(ProjectModule):
    """The sentences with which the report begins."""

    def __init__(self, findings: Refreshed[overview.Findings]) -> None:
        super().__init__("What it shows", "ProjectContext", "cards/sentences.html")
        self._findings = findings

    def get_cards(self, project: signac.Project) -> list[dict[str, Any]]:
        """One card."""
        report = Path(project.path, "results", "report.html").exists()
        found = self._findings.get(wait_s=0.2)
        about = {"found": found, "fault": self._findings.fault, "report": report}
        return [card(self.name, "sentences.html", wide=True, **about)]


class Figures(ImageViewer):
    """The figures of all products by ensemble, then those of sweeps."""

    def __init__(self, findings: Refreshed[overview.Findings]) -> None:
        super().__init__("Figures", "ProjectContext", "cards/figures.html")
        self._findings = findings

    def get_cards(self, project: signac.Project) -> Iterator[dict[str, Any]]:
        """One card for each ensemble, and one for all sweeps."""
        found = self._findings.get(wait_s=0)
        groups = found.value.by_ensemble if found else {}
        largest_first = sorted(groups.items(), key=lambda group: -len(group[1]))
        for k, (label, made) in enumerate(largest_first):
            shown = overview.figures(project, made)
            yield card(label, "figures.html", wide=True, figures=shown, first=k == 0)
        if found and found.value.sweeps:
            shown = overview.sweeps(project, found.value.sweeps)
            yield card("Sweeps", "figures.html", wide=True, figures=shown, first=True)


class State(FlowStatus):
    """signac-flow's labels of a job, its progress, and its failure if it failed."""

    def get_cards(self, job: Any) -> list[dict[str, Any]]:
        """One card."""
        done = job_ps(job) if is_simulated(job) else simulated_ps(job)
        mark = Path(job.path, MARK)
        return [
            card(
                "State",
                "state.html",
                labels=list(self.project.labels(job)),
                done_ps=done,
                total_ps=job_ps(job),
                speed=overview.ns_per_day(ps_per_s(job)) if stage(job) == "simulating" else "",
                failed=access.beginning(mark)[0] if mark.is_file() else "",
            )
        ]


class StatePoint(StatepointList):
    """The state point by section, values with units; each links to the jobs with its value."""

    def get_cards(self, job: Any) -> list[dict[str, Any]]:
        """One card."""
        sections: dict[str, list[dict[str, str]]] = {}
        for key, value in flat(job.cached_statepoint):
            section, _, name = key.rpartition(".")
            label, shown = words.measure(name, value)
            if section == "charge_set" and name != "material":
                shown += " e"
            question = (
                f"{key}={json.dumps(value)}" if not isinstance(value, str) else f"{key}={value}"
            )
            row = {"label": label, "value": shown, "question": question}
            sections.setdefault(words.section(section), []).append(row)
        return [card("State point", "state_point.html", sections=sections)]


class Document(DocumentList):
    """The job document: the engine that the job runs on, and other settings."""

    def get_cards(self, job: Any) -> list[dict[str, Any]]:
        """One card."""
        try:
            found = {key: words.value(value) for key, value in flat(document_of(job))}
            fault = ""
        except InputError as error:
            found, fault = {}, str(error)
        return [card("Document", "document.html", found=found, fault=fault)]


class Summary(JobModule):
    """The numbers of a job's analysis, with their intervals."""

    def __init__(self) -> None:
        super().__init__("Analysis", "JobContext", "cards/summary.html")

    def get_cards(self, job: Any) -> list[dict[str, Any]]:
        """One card."""
        return [card(self.name, "summary.html", rows=words.with_intervals(read_summary(job) or {}))]


class Traces(JobModule):
    """The record against time; a script requests the numbers and plots them."""

    def __init__(self) -> None:
        super().__init__("Against time", "JobContext", "cards/traces.html")

    def get_cards(self, job: Any) -> list[dict[str, Any]]:
        """One card; none if nothing is recorded yet."""
        folder = trajectory(job)
        if not any((folder / name).exists() for name in (RECORD, PARTS)):
            return []
        runs = list(folders_of(job, protocol_of(job)))
        return [card(self.name, "traces.html", wide=True, job=job.id, runs=runs)]


class Frame(JobModule):
    """The last configuration, rotating; a script requests the atoms and draws them."""

    def __init__(self) -> None:
        super().__init__("Last configuration", "JobContext", "cards/frame.html")

    def get_cards(self, job: Any) -> list[dict[str, Any]]:
        """One card; none if no frame and no checkpoint is kept yet."""
        folder = trajectory(job)
        if not any((folder / name).exists() for name in (FRAMES, *CHECKPOINTS)):
            return []
        return [card(self.name, "frame.html", job=job.id)]


class Files(FileList):
    """A job's files by folder, all to download, text files also to be shown."""

    def get_cards(self, job: Any) -> list[dict[str, Any]]:
        """One card."""
        root = Path(job.path)
        folders: dict[str, list[dict[str, Any]]] = {}
        for path in sorted(root.rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                name = path.relative_to(root)
                folders.setdefault(name.parent.as_posix(), []).append(
                    {
                        "path": name.as_posix(),
                        "name": name.name,
                        "size": words.size(path.stat().st_size),
                        "text": path.suffix in access.TEXTS,
                    }
                )
        shown = [(folder, files[:LISTED], len(files)) for folder, files in folders.items()]
        return [card("Files", "files.html", job=job.id, folders=shown)]
