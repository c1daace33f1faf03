"""Cases of `coverage.py`: planted data, the correct verdicts, and how products are read."""

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
    """The correct verdict on a claim, "" if neither is correct, and the true value."""

    right: str
    value: float | None = None


@dataclass(frozen=True)
class Case:
    """Planted data, with the claims that they test and the correct verdicts.

    `plant` makes a product of a number of seeds, and returns the intervals of its claims. `share`
    is the fraction of the usual number of repeats for this case.
    """

    name: str
    truths: dict[str, Truth]
    plant: Callable[[int, Numbers], tuple[Made, dict[str, Ends]]]
    share: float = 1.0


def made_of(product: str, point: Any, content: Content, seeds: int, **beside: Made) -> Made:
    """A product in the form in which the report reads it."""
    jobs = tuple({"seed": k, "engine": {}, "simulated_ps": 1.0} for k in range(seeds))
    findings = json.loads(json.dumps(plain(content.findings)))
    charges, protocol = point.charge_set.model_dump(), point.protocol.model_dump()
    figure = Path("none.png")
    return Made(product, (charges,), protocol, findings, content.table, figure, jobs, beside)


def ensemble_of(point: Any, sums: dict[str, NDArray]) -> Ensemble:
    """An ensemble whose jobs have the given sums, each of an equilibration of its own."""

    class Planted(Ensemble):
        def each_seed(self, file: str = "analysis.h5") -> dict[str, NDArray]:
            return sums

    seeds = len(next(iter(sums.values())))
    # All points have the tiny cell and the Janus membrane, so they share one model.
    return Planted(jobs_of(seeds), point, model_of(point))


def model_of(point: Any) -> Any:
    """The model of a state point, built once."""
    return _model(point.model_dump_json())


@cache
def _model(point: str) -> Any:
    from januspore.schema import state_point

    return build_model(state_point(json.loads(point)))
