"""What `coverage.py` plants: a case, what is true of each claim, and how a product is read back."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Planted sums and records are those of the tests.
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from planted import jobs_of

from januspore.analysis.store import plain
from januspore.model.system import build_model
from januspore.products.ensemble import Content, Ensemble
from januspore.report.collect import Made

Ends = tuple[float | None, float | None]
Numbers = np.random.Generator


@dataclass(frozen=True)
class Truth:
    """What is true of a claim: the right verdict, "" if neither is, and the number behind it."""

    right: str
    value: float | None = None


@dataclass(frozen=True)
class Case:
    """What is planted, and what is true of which claims.

    `plant` makes a product of so many seeds, and gives the intervals behind its claims; `share` is
    the part of the usual number of repeats that a case is given.
    """

    name: str
    truths: dict[str, Truth]
    plant: Callable[[int, Numbers], tuple[Made, dict[str, Ends]]]
    share: float = 1.0


def made_of(product: str, point: Any, content: Content, seeds: int, **beside: Made) -> Made:
    """A product as the report reads it back."""
    jobs = tuple({"seed": k, "engine": {}, "simulated_ps": 1.0} for k in range(seeds))
    findings = json.loads(json.dumps(plain(content.findings)))
    charges, protocol = point.charge_set.model_dump(), point.protocol.model_dump()
    figure = Path("none.png")
    return Made(product, (charges,), protocol, findings, content.table, figure, jobs, beside)


def ensemble_of(point: Any, sums: dict[str, NDArray]) -> Ensemble:
    """An ensemble whose jobs have kept these sums, each of an equilibration of its own."""

    class Planted(Ensemble):
        def each_seed(self, file: str = "analysis.h5") -> dict[str, NDArray]:
            return sums

    seeds = len(next(iter(sums.values())))
    # All points are of the tiny cell and the Janus membrane, so one model serves all.
    return Planted(jobs_of(seeds), point, model_of(point))


def model_of(point: Any) -> Any:
    """The model of a state point, built once."""
    return _model(point.model_dump_json())


@cache
def _model(point: str) -> Any:
    from januspore.schema import state_point

    return build_model(state_point(json.loads(point)))
