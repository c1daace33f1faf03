"""Planted water: order under a sine, after repeated steps, and on a staircase.

Waters have a realistic correlation time, and seeds differ by a shift of the order. Widths of
P(theta) are left out, as no claim uses them.
"""

from functools import cache, partial
from typing import Any

import numpy as np
import pandas as pd
from coverage_case import Case, Ends, Numbers, Truth, ensemble_of, made_of
from helpers import tiny_point
from numpy.typing import NDArray
from planted_order import phase_sums, relaxing, slow_noise, static, step_sums

from januspore.analysis import orientation
from januspore.analysis.cycle import PHASES
from januspore.products import held_order, relaxation, step_relaxation, water_order
from januspore.products.ensemble import Content
from januspore.report.collect import Made

for module in (relaxation, step_relaxation, held_order):
    module._figure = lambda *_: None  # type: ignore[attr-defined]
for module in (relaxation, step_relaxation):
    module.OBSERVABLES = ("mean cosine",)  # type: ignore[attr-defined]
water_order.circular_std = lambda theta: np.zeros(theta.shape[:-1])
orientation.circular_std = water_order.circular_std

FAST = tiny_point("sine", frequency_GHz=5.0, cycles=2)
STEPS = tiny_point("steps", high_V_per_nm=1.2, up_ps=10.0, down_ps=20.0, repeats=20)
STAIRS = tiny_point("staircase", holds_V_per_nm=[0.6, 1.2], hold_ps=50.0)
BOTH_SIGNS = tiny_point("staircase", holds_V_per_nm=[-1.2, -0.5, 0.5, 1.2], hold_ps=50.0)
RISES = {side: f"water order rises with field, E {side} 0" for side in "><"}
HELD_RISES = {side: f"water order rises with held field, E {side} 0" for side in "><"}
LAG = "water order under the sine, reverse above forward beyond lag"
STEP_TAU = "tau reverse over forward, repeated steps"
STAIR_TAU = "tau reverse over forward, staircase"
HELD = "water order at equal held field, reverse above forward"


def falling(field: NDArray) -> NDArray:
    """A permanent order that a positive field reduces and a negative field increases."""
    return 0.7 - 0.3 * np.abs(field)


def ignoring(field: NDArray) -> NDArray:
    """An order that does not depend on the field."""
    return 0.3 + 0.0 * field


def steps_made(seeds: int, rng: Numbers, up: float, down: float) -> tuple[Made, dict[str, Ends]]:
    """Judge the times of repeated steps."""
    sums = step_sums(rng, STEPS.protocol, seeds, up, down)
    found = step_relaxation.find_times(sums, STEPS.protocol.steps)
    content = Content(pd.DataFrame(), None, found.findings)
    made = made_of("step_relaxation", STEPS, content, seeds)
    triple = made.findings.get("mean cosine, tau_down_over_up", [None] * 3)
    return made, {STEP_TAU: (triple[1], triple[2])}


@cache
def _pool(seeds: int, up: float, down: float) -> list[Made]:
    rng = np.random.default_rng(seeds)
    return [steps_made(seeds, rng, up, down)[0] for _ in range(20)]


def some_steps(rng: Numbers, seeds: int, up: float, down: float) -> Made:
    """One of twenty products of repeated steps, for use beside another product."""
    return _pool(seeds, up, down)[rng.integers(20)]


def sine_made(
    seeds: int, rng: Numbers, of_field: Any, tau: float, exact: bool = False
) -> tuple[Made, dict[str, Ends]]:
    """Judge the order under a sine, beside steps of 1.3 ps both ways."""
    mean = partial(_mean, tau=tau, of_field=of_field)
    noise = {"waters": 10**12, "shift": 0.0} if exact else {"shift": 0.03}
    sums = phase_sums(rng, FAST.protocol, seeds, mean, **noise)
    sums["theta"] = np.zeros((seeds, PHASES, 1))
    changes = water_order.changes(ensemble_of(FAST, sums))
    findings = {name: found.triple() for name, found in changes.items()}
    sample = FAST.protocol.recording.sample_interval_ps
    findings["lag_ps"] = water_order.lag(sums, FAST.protocol.cycle, sample).triple()
    beside = {} if exact else {"step_relaxation": some_steps(rng, seeds, 1.3, 1.3)}
    content = Content(pd.DataFrame(), None, findings)
    made = made_of("water_order", FAST, content, seeds, **beside)
    ends = {
        RISES[side]: made.findings[f"rise of mean cosine with field, E {side} 0"] for side in "><"
    }
    ends[LAG] = made.findings["lag_ps"]
    return made, {claim: (triple[1], triple[2]) for claim, triple in ends.items()}


def _mean(field: NDArray, step_ps: float, tau: float, of_field: Any) -> NDArray:
    return relaxing(field, step_ps, tau, of_field=of_field)


def hold_sums(
    rng: Numbers, seeds: int, point: Any, target: NDArray, up: float, down: float
) -> dict[str, NDArray]:
    """Sums by hold of waters that relax to the target of each hold, mean cosine to +x."""
    holds, step = point.protocol.holds, point.protocol.recording.sample_interval_ps
    per_hold = round(holds.hold_ps / step)
    fields = np.array([*holds.forward_V_per_nm, *holds.forward_V_per_nm[::-1]])
    along = np.repeat(target, per_hold)
    mean = relaxing(along, step, up, of_field=lambda own: own, tau_down_ps=down)
    noise = 0.5 / 3 * slow_noise(rng, (seeds,), len(along), step, 1.3)
    order = mean + 0.03 * rng.normal(size=(seeds, 1)) + noise
    bins = (seeds, len(fields), 50)
    waters = np.full(bins, 9.0 * per_hold / 50)
    time = waters / 9 * step
    return {
        "cosine": 9 * order.reshape(*bins, -1).sum(axis=-1),
        "waters": waters,
        "time_ps": time,
        "field_ps": time * fields[:, None],
        "theta": np.zeros((*bins, 1)),
    }


def held_made(seeds: int, rng: Numbers, of_field: Any) -> tuple[Made, dict[str, Ends]]:
    """Judge the order of a staircase's holds, of both signs of the field."""
    forward = np.array(BOTH_SIGNS.protocol.holds.forward_V_per_nm)
    target = of_field(np.concatenate([forward, forward[::-1]]))
    sums = hold_sums(rng, seeds, BOTH_SIGNS, target, 1.3, 1.3)
    content = held_order.make(ensemble_of(BOTH_SIGNS, sums))
    made = made_of("held_order", BOTH_SIGNS, content, seeds)
    ends = {
        claim: made.findings[f"rise of mean cosine with field, E {side} 0"]
        for side, claim in HELD_RISES.items()
    }
    return made, {claim: (triple[1], triple[2]) for claim, triple in ends.items()}


def stairs_made(
    seeds: int, rng: Numbers, up: float, down: float, left: float = 0.0
) -> tuple[Made, dict[str, Ends]]:
    """Judge a staircase: times, and the order that remains (`left`) at equal field in reverse."""
    holds = STAIRS.protocol.holds
    fields = np.array([*holds.forward_V_per_nm, *holds.forward_V_per_nm[::-1]])
    back = np.arange(len(fields)) >= len(fields) // 2
    target = static(fields) + left * (back & (fields < fields.max()))
    sums = hold_sums(rng, seeds, STAIRS, target, up, down)
    content = relaxation.make(ensemble_of(STAIRS, sums))
    beside = {"step_relaxation": some_steps(rng, seeds, up, down)}
    made = made_of("relaxation", STAIRS, content, seeds, **beside)
    ratio = made.findings.get("mean cosine, tau_reverse_over_forward", [None] * 3)
    apart = made.findings["order_reverse_less_forward"]
    return made, {STAIR_TAU: (ratio[1], ratio[2]), HELD: (apart[1], apart[2])}


def _water() -> list[Case]:
    cases = []
    for name, of_field, tau, rises, beyond in (
        ("rises, lags as the steps do", static, 1.3, ("agrees", "agrees"), "disagrees"),
        ("rises, lags 5 ps", static, 5.0, ("agrees", "agrees"), "agrees"),
        ("loosened by the field", falling, 1.3, ("disagrees", "agrees"), ""),
        ("ignores the field", ignoring, 1.3, ("", ""), ""),
    ):
        exact = sine_made(1, np.random.default_rng(0), of_field, tau, exact=True)[0].findings
        truths = {
            RISES[side]: Truth(right, exact[f"rise of mean cosine with field, E {side} 0"][0])
            for side, right in zip("><", rises, strict=True)
        }
        truths[LAG] = Truth(beyond, exact["lag_ps"][0] if beyond else None)
        cases.append(Case(name, truths, partial(sine_made, of_field=of_field, tau=tau)))
    for name, of_field, right in (
        ("rises", static, ("agrees", "agrees")),
        ("loosened by the field", falling, ("disagrees", "agrees")),
        ("ignores the field", ignoring, ("", "")),
    ):
        truths = {}
        for claim, sign, word in zip(HELD_RISES.values(), (1, -1), right, strict=True):
            low, high = (float(sign * of_field(np.array(sign * E))) for E in (0.5, 1.2))
            truths[claim] = Truth(word, high - low)
        cases.append(Case(f"{name}, held", truths, partial(held_made, of_field=of_field)))
    for name, up, down, right in (
        ("relaxing slower", 1.6, 2.9, "agrees"),
        ("relaxing faster", 2.9, 1.6, "disagrees"),
        ("as fast", 1.6, 1.6, ""),
    ):
        ratio = Truth(right, down / up)
        cases.append(Case(name, {STEP_TAU: ratio}, partial(steps_made, up=up, down=down)))
        left = 0.12 if right == "agrees" else 0.0
        truths = {STAIR_TAU: ratio, HELD: Truth("agrees" if left else "disagrees", left)}
        plant = partial(stairs_made, up=up, down=down, left=left)
        cases.append(Case(f"{name}, staircase, {left:g} left", truths, plant, 0.5))
    return cases


WATER_CASES = _water()
