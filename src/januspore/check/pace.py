"""Timing of an engine in a held field, sampling included; all timings of `check` use it."""

import time

from ..engines import Engine
from ..engines.stretch import Stretch
from ..protocols import Dynamics
from ..protocols.field import Constant
from .cells import FIELD_V_PER_NM


def followed(
    engine: Engine, dynamics: Dynamics, sample_steps: int, seconds: float
) -> tuple[int, float]:
    """Run an engine in a held field for some wall time; return (steps, seconds)."""
    programme = Constant(1e6, FIELD_V_PER_NM)
    first, began = engine.step, time.perf_counter()

    def over() -> bool:
        return time.perf_counter() - began >= seconds

    while not over():
        stretch = Stretch(
            programme,
            dynamics.timestep_ps,
            end_step=engine.step + 10**6 * sample_steps,
            sample_steps=sample_steps,
            energy_steps=10 * sample_steps,
            over=over,
            seconds=seconds - (time.perf_counter() - began),
        )
        for _ in engine.follow(stretch):
            pass
    return engine.step - first, time.perf_counter() - began
