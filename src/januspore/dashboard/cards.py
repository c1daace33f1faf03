"""The cards of the pages: modules of signac-dashboard, derived from its own where it has one.

signac's own access to a job's document would make the folder of a job that was deleted, so cards
read it by `space.dataspace`.
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

#: Files that are listed in one folder of a job.
LISTED = 12


def card(name: str, template: str, **about: Any) -> dict[str, Any]:
    """Return a card as the templates take it; `wide` ones span the page."""
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
    """How far the data space is; the page asks for it again by itself."""

    def __init__(self, standing: Refreshed[overview.Standing]) -> None:
        super().__init__("Progress", "ProjectContext", "cards/standing.html")
        self._standing = standing

    def get_cards(self, project: signac.Project) -> list[dict[str, Any]]:
        """One card."""
        return [card(self.name, "standing.html", wide=True, **self.about(project))]

    def about(self, project: signac.Project) -> dict[str, Any]:
        """What the card's template needs."""
        return {
            "found": self._standing.get(),
            "fault": self._standing.fault,
            "jobs": len(project),
            "ns_per_day": overview.ns_per_day,
            "amount": words.amount,
        }


class Sentences(ProjectModule):
    """The first sentences of the report."""

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
    """Every product's figures, by ensemble, then those of sweeps."""

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
    """signac-flow's labels of a job, how far it is, and what failed."""

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
    """The state point: nested keys by section, values with their units; each asks for its like."""

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
    """The job document, to read: the engine that it runs on, and what else it was told."""

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
    """The record against time; a script asks for the numbers."""

    def __init__(self) -> None:
        super().__init__("Against time", "JobContext", "cards/traces.html")

    def get_cards(self, job: Any) -> list[dict[str, Any]]:
        """One card, none before anything is recorded."""
        folder = trajectory(job)
        if not any((folder / name).exists() for name in (RECORD, PARTS)):
            return []
        runs = list(folders_of(job, protocol_of(job)))
        return [card(self.name, "traces.html", wide=True, job=job.id, runs=runs)]


class Frame(JobModule):
    """The last configuration, turning; a script asks for it."""

    def __init__(self) -> None:
        super().__init__("Last configuration", "JobContext", "cards/frame.html")

    def get_cards(self, job: Any) -> list[dict[str, Any]]:
        """One card, none before anything is kept."""
        folder = trajectory(job)
        if not any((folder / name).exists() for name in (FRAMES, *CHECKPOINTS)):
            return []
        return [card(self.name, "frame.html", job=job.id)]


class Files(FileList):
    """A job's files by folder: text to look at, all to download."""

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
