"""Results by state point, as pandas tables."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import signac

from ..analysis.store import NOTED
from ..errors import InputError
from ..protocols import Protocol
from ..schema import parse
from ..space.conditions import is_analysed, read_summary
from ..space.dataspace import (
    SoundProject,
    as_text,
    names_of,
    open_project,
    protocol_of,
)
from ..space.varying import varying
from . import PRODUCTS
from .kept import read_product


def results(project: signac.Project, where: Mapping[str, Any] | None = None) -> pd.DataFrame:
    """Return one row for each job: its state point, flattened, and its summary.

    Args:
        project: the data space.
        where: values by dotted key, such as ``{"charge_set.Se": -0.45, "protocol.name": "sine"}``.

    Returns:
        Columns `job`, the state point's keys that any matching job has, `analysed`, and the
        summary's (see `januspore.analysis.job`); jobs not analysed yet have no values there.

    Raises:
        InputError: no job has such a key.
    """
    rows = []
    names = names_of(project)
    for job in find_jobs(project, where or {}):
        summary = (read_summary(job) or {}) if is_analysed(job) else {}
        about = {"job": job.id, **dict(flat(job.cached_statepoint)), "analysed": bool(summary)}
        rows.append(about | {key: value for key, value in summary.items() if key not in NOTED})
        if names:
            text = as_text(job.cached_statepoint, "charge_set")
            rows[-1] = {"job": job.id, "charge_set.name": names.get(text, "")} | rows[-1]
    order = ["charge_set.material", "protocol.name", "seed"]
    table = pd.DataFrame(rows)
    return table if table.empty else table.sort_values(order, ignore_index=True)


def product_table(
    project: signac.Project, name: str, where: Mapping[str, Any] | None = None
) -> pd.DataFrame:
    """Return the rows of a product of every matching ensemble.

    Every row has its charges, and each key of the protocol that varies in the data space.

    Raises:
        InputError: there is no such product, or no job has such a key.
    """
    product = next((p for p in PRODUCTS if p.name == name), None)
    if product is None:
        raise InputError(
            f"--product = {name!r}: must be one of {', '.join(p.name for p in PRODUCTS)}"
        )
    jobs = [job for job in find_jobs(project, where or {}) if product.leads(job)]
    paths = {product.path(job, "json"): protocol_of(job) for job in jobs}
    every = [job for job in find_jobs(project, {}) if product.leads(job)]
    several = len({protocol_of(job).name for job in every}) > 1
    frames = []
    for path, protocol in sorted(paths.items(), key=lambda item: item[0]):
        made = read_product(path) if path.exists() else None
        if made is not None:
            frame = pd.read_csv(path.with_suffix(".csv"))
            # The file of a product of several protocols has the columns that hold for all of them.
            varies = varying(project, protocol.name)
            about = {} if product.beside else varies.columns(protocol)
            if several:
                about = {"protocol.name": protocol.name} | about
            if not product.across:
                charges = made["membranes"][0]["charge_set"]
                about = {f"charge_set.{key}": value for key, value in charges.items()} | about
            frame = _led_by(about, frame)
            for key, value in (where or {}).items():
                if product.across and key in frame and not isinstance(value, Mapping | list):
                    frame = frame[frame[key] == value]
            frames.append(frame)
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _led_by(about: Mapping[str, Any], frame: pd.DataFrame) -> pd.DataFrame:
    """Put columns that are constant in a table in front, replacing those of its file."""
    frame = frame.drop(columns=list(about), errors="ignore")
    for key, value in reversed(list(about.items())):
        frame.insert(0, key, [value] * len(frame))
    return frame


def figures(project: signac.Project) -> list[Path]:
    """Return the paths of all figures made."""
    return sorted(Path(project.path, "results").glob("*/*/*.png"))


def findings(project: signac.Project) -> list[tuple[str, str, dict[str, Any]]]:
    """Return (ensemble, product, findings) of every product made.

    The ensemble is the name of its folder, and what of its protocol varies in the data space.
    """
    found = []
    for path in sorted(Path(project.path, "results").glob("*/*/*.json")):
        made = read_product(path)
        if made is None:
            continue
        protocol = parse(Protocol, made["protocol"], str(path))
        told = varying(project, protocol.name).legend(protocol)
        ensemble = f"{path.parent.name} ({told})" if told else path.parent.name
        found.append((ensemble, made["product"], made["findings"]))
    return found


def parse_filter(words: list[str]) -> dict[str, Any]:
    """Read "key=value" words; a value is JSON where it is JSON, else a string.

    Raises:
        InputError: a word is not of that form.

    >>> parse_filter(["protocol.name=sine", "charge_set.Se=-0.45"])
    {'protocol.name': 'sine', 'charge_set.Se': -0.45}
    """
    where: dict[str, Any] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals or not key or not text:
            raise InputError(f"{word!r}: must be KEY=VALUE, such as charge_set.Se=-0.45")
        if key in where:
            several = f'{key}={{"$in": [...]}}'
            raise InputError(f"{word!r}: {key} is given twice; one of several: {several}")
        try:
            where[key] = json.loads(text)
        except ValueError:
            where[key] = text
    return where


def find_jobs(project: signac.Project, where: Mapping[str, Any]) -> list[Any]:
    """Return the jobs whose state point has some values.

    Args:
        project: the data space.
        where: values by dotted key, see `parse_filter`; all jobs match none.

    Raises:
        InputError: no job has such a key, or signac cannot answer that.
    """
    if not isinstance(project, SoundProject):  # signac's own project stops at a damaged job
        project = open_project(Path(project.path))
    try:
        found = list(project.find_jobs(dict(where)))
    except (
        KeyError,
        TypeError,
        ValueError,
        re.error,
    ) as error:  # errors of a filter's operators, such as {"$in": 3}
        raise InputError(f"{dict(where)}: not a filter that signac can evaluate: {error}") from None
    if where and not found:
        known = {key for job in project for key, _ in flat(job.cached_statepoint)}
        for key in where:
            if key not in known:
                shown = ", ".join(sorted(known)) or "none, the data space is empty"
                raise InputError(f"{key}: no job has this key; keys here: {shown}")
    return found


def flat(data: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted key and value of everything in a nested mapping."""
    for key, value in data.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
