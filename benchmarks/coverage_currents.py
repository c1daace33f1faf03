"""Planted currents: the loop under a sine, paired pulses and trains.

Ions cross by Poisson counts; seeds differ by a factor and a shift; mouth ions dip into the slab.
"""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from coverage_case import Case, Ends, Numbers, Truth, ensemble_of, made_of
from helpers import tiny_point
from numpy.typing import NDArray

from januspore.analysis.cycle import PHASES
from januspore.analysis.loop import area
from januspore.analysis.orientation import BINS
from januspore.products import ndr, paired_pulse, pulse_train
from januspore.products.ensemble import Content
from januspore.report.collect import Made
from januspore.units import E_PER_PS

for module in (paired_pulse, pulse_train):  # figures are not drawn
    module._figure = lambda *_: None  # type: ignore[attr-defined]

SINE = tiny_point("sine", frequency_GHz=0.2, cycles=10)
LOOPS = {side: f"reverse current below forward, E {side} 0" for side in "><"}
ONSETS = {"+": "NDR onset, E > 0", "-": "NDR onset, E < 0"}
PINCHED = "loop pinched at E = 0"


def peaked(field: NDArray, forward: NDArray) -> NDArray:
    """As in the paper: the current falls from 0.5 and -1.0 V/nm on; half of it in reverse."""
    along = np.interp(field, [-1.2, -1.0, 0, 0.5, 1.0, 1.2], [-1.5, -4, 0, 4, 1, 2])
    return along * np.where(forward, 1.0, 0.5)


def against(field: NDArray, forward: NDArray) -> NDArray:
    """Contrary to the paper: other peaks, more current in reverse, and current at no field."""
    along = np.interp(field, [-1.2, 0, 0.95, 1.2], [-4, 0, 4, 1])
    return along * np.where(forward, 1.0, 1.5) + 2.0


def ohmic(field: NDArray, forward: NDArray) -> NDArray:
    """A resistor."""
    return 3.0 * field


def nothing(field: NDArray, forward: NDArray) -> NDArray:
    """No ion passes."""
    return 0.0 * field


def loop_sums(
    rng: Numbers,
    seeds: int,
    current: Any,
    factor: float = 0.2,
    shift: float = 0.2,
    dip: float = 0.0,
) -> dict[str, NDArray]:
    """Sums by phase: Poisson counts of ions, seeds that differ by a factor and a shift (nA).

    `dip`: standard deviation between bins, e nm, from ions at the mouths that enter the slab.
    """
    cycle, shape = SINE.protocol.cycle, (seeds, PHASES)
    period = 1000 / cycle.frequency_GHz
    time = SINE.protocol.cycles * period / PHASES
    middle = (np.arange(PHASES * 50) + 0.5) / (PHASES * 50)
    field = cycle.amplitude_V_per_nm * np.sin(2 * np.pi * middle)
    forward = (middle * 4).astype(int) % 2 == 0
    mean, field = (v.reshape(PHASES, 50).mean(axis=1) for v in (current(field, forward), field))
    own = 1 + factor * rng.normal(size=(seeds, 1)), shift * rng.normal(size=(seeds, 1))
    charges = (mean * own[0] + own[1]) * time / E_PER_PS
    plus, minus = rng.poisson(np.maximum(charges, 0)), rng.poisson(np.maximum(-charges, 0))
    width = SINE.protocol.recording.slab_length_nm
    depth = dip * rng.normal(size=shape)
    slab = (plus - minus) * width + depth - np.roll(depth, 1, axis=1)
    sums = {"time_ps": np.full(shape, time), "field_ps": np.tile(field * time, (seeds, 1))}
    for ion, share in (("K", slab), ("Cl", 0.0 * slab)):
        sums |= {f"{ion}_slab_e_nm": share, f"{ion}_cell_e_nm": 3.0 * share}
    none = np.zeros(shape)
    sums |= {"K_forward": plus, "K_backward": minus, "Cl_forward": none, "Cl_backward": none}
    return {name: values.astype(float) for name, values in sums.items()}


def loop_made(seeds: int, rng: Numbers, **planted: Any) -> tuple[Made, dict[str, Ends]]:
    """Judge the loop of the pore slab; no claim uses that of the whole cell."""
    ensemble = ensemble_of(SINE, loop_sums(rng, seeds, **planted))
    loop = ndr.find_loop(ndr.tables_of(ensemble)["pore slab", "total"], ndr.edges_of(ensemble))
    loops = {(estimator, "total"): loop for estimator in ("pore slab", "whole cell")}
    table = pd.DataFrame(ndr._rows("pore slab", "total", loop))
    made = made_of("ndr", SINE, Content(table, None, ndr._findings(loops)), seeds)
    found = made.findings
    ends = {
        LOOPS[side]: tuple(found[f"pore slab, E {side} 0, loop area (nA V/nm)"][1:])
        for side in "><"
    }
    for sign, claim in ONSETS.items():
        peak = loop.ndr["forward", sign].peak_V_per_nm
        ends[claim] = (
            (float(peak.low), float(peak.high)) if loop.ndr["forward", sign].found else (None, None)
        )
    return made, ends


def loop_truths(
    current: Any, onsets: dict[str, Truth], loops: str, pinched: str
) -> dict[str, Truth]:
    """Correct verdicts on a loop; its areas are those of the mean current, by the package."""
    sums = loop_sums(np.random.default_rng(0), 1, current, 0.0, 0.0)
    ensemble = ensemble_of(SINE, sums)
    edges, time = ndr.edges_of(ensemble), sums["time_ps"]
    middle = (np.arange(PHASES * 50) + 0.5) / (PHASES * 50)
    forward = (middle * 4).astype(int) % 2 == 0
    mean = current(1.2 * np.sin(2 * np.pi * middle), forward).reshape(PHASES, 50).mean(axis=1)
    tables = {"charge": mean * time, "time": time, "field": sums["field_ps"]}
    truths = {ONSETS[sign]: onsets[sign] for sign in "+-"} | {PINCHED: Truth(pinched)}
    for side, sign in ((">", "+"), ("<", "-")):
        truths[LOOPS[side]] = Truth(loops, float(area(tables, sign, edges)[0, 0]))
    return truths


def _loops() -> list[Case]:
    cases = (
        (
            "as the paper",
            peaked,
            {"+": Truth("agrees", 0.5), "-": Truth("agrees", 1.0)},
            "agrees",
            "agrees",
            {},
        ),
        (
            "against it",
            against,
            {"+": Truth("disagrees", 0.95), "-": Truth("disagrees")},
            "disagrees",
            "disagrees",
            {},
        ),
        ("a resistor", ohmic, {"+": Truth("disagrees"), "-": Truth("disagrees")}, "", "agrees", {}),
        (
            "no ion, two dip",
            nothing,
            {"+": Truth("disagrees"), "-": Truth("disagrees")},
            "",
            "",
            {"shift": 0.0, "dip": 0.06},
        ),
    )
    return [
        Case(
            name,
            loop_truths(current, onsets, loops, pinched),
            partial(loop_made, current=current, **keys),
        )
        for name, current, onsets, loops, pinched, keys in cases
    ]


# --- pulses ------------------------------------------------------------------------------------

PULSED = {
    "preparation_V_per_nm": 2.0,
    "preparation_ps": 4.0,
    "pulse_V_per_nm": 0.7,
    "pulse_ps": 5.0,
    "rest_V_per_nm": 0.5,
}
DELAYS = [1.0, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0, 40.0]
#: Expected ions through the pore in the first pulse.
IONS = 25.0


def pulse_sums(
    rng: Numbers, seeds: int, ratios: NDArray, factor: float = 0.2
) -> dict[str, NDArray]:
    """Sums by pulse: Poisson counts, with a factor for each seed."""
    shape = seeds, len(ratios)
    plus = rng.poisson(np.maximum(IONS * ratios * (1 + factor * rng.normal(size=(seeds, 1))), 0))
    none, slab = np.zeros(shape), 0.7 * plus + rng.normal(0, 0.1, shape)
    sums = {"time_ps": np.full(shape, 5.0), "field_ps": np.full(shape, 3.5)}
    sums |= {
        "K_slab_e_nm": slab,
        "K_cell_e_nm": 3 * slab,
        "Cl_slab_e_nm": none,
        "Cl_cell_e_nm": none,
    }
    sums |= {"K_forward": plus, "K_backward": none, "Cl_forward": none, "Cl_backward": none}
    sums |= {"theta": np.ones((*shape, BINS)), "cosine": none, "waters": np.ones(shape)}
    return {name: values.astype(float) for name, values in sums.items()}


def pairs_made(seeds: int, rng: Numbers, mode: str, ratio: Any) -> tuple[Made, dict[str, Ends]]:
    """Judge a decay with the delay."""
    point = tiny_point("paired_pulse", mode=mode, delays_ps=DELAYS, **PULSED)
    ratios = np.array([1.0, *(ratio(d) for d in DELAYS)])
    ensemble = ensemble_of(point, pulse_sums(rng, seeds, ratios))
    made = made_of("paired_pulse", point, paired_pulse.make(ensemble), seeds)
    triple = made.findings.get("pore slab tau_ps", [None] * 3)
    return made, {TAUS[mode]: (triple[1], triple[2])}


TAUS = {"facilitation": "facilitation, tau_f", "depression": "depression, tau_d"}
TRAINS = {mode: f"train: {mode}" for mode in TAUS}


def _pairs() -> list[Case]:
    def decay(first: float, last: float, tau: float) -> Any:
        return lambda delay: last + (first - last) * np.exp(-delay / tau)

    planted = (
        (
            "as the paper",
            {"facilitation": decay(3.1, 1.2, 8.0), "depression": decay(0.2, 0.9, 7.5)},
            "agrees",
            (8.0, 7.5),
        ),
        (
            "2.5 times faster",
            {"facilitation": decay(3.1, 1.2, 3.2), "depression": decay(0.2, 0.9, 3.0)},
            "disagrees",
            (3.2, 3.0),
        ),
        ("no memory", dict.fromkeys(TAUS, lambda delay: 1.0), "", (None, None)),
    )
    return [
        Case(
            name,
            {TAUS[mode]: Truth(right, tau)},
            partial(pairs_made, mode=mode, ratio=ratios[mode]),
            0.7,
        )
        for name, ratios, right, taus in planted
        for mode, tau in zip(TAUS, taus, strict=True)
    ]


def train_made(seeds: int, rng: Numbers, mode: str, last: float) -> tuple[Made, dict[str, Ends]]:
    """Judge a train of ten pulses."""
    point = tiny_point("pulse_train", mode=mode, delay_ps=5.0, pulses=10, **PULSED)
    programme = point.protocol.programme()
    ratios = np.zeros(len(list(programme.leaves())))
    ratios[pulse_train.pulse_segments(programme)] = last + (1 - last) * np.exp(-np.arange(10) / 2.0)
    sums = {k: v[:, :, None] for k, v in pulse_sums(rng, seeds, ratios).items()}
    made = made_of("pulse_train", point, pulse_train.make(ensemble_of(point, sums)), seeds)
    triple = made.findings.get("pore slab, last over first", [None] * 3)
    return made, {TRAINS[mode]: (triple[1], triple[2])}


def _trains() -> list[Case]:
    truths = {
        4.0: ("facilitation", "rises to 4"),
        0.2: ("depression", "falls to 0.2"),
        1.0: ("", "no memory"),
    }
    return [
        Case(
            name,
            {
                TRAINS[mode]: Truth(
                    "" if not what else "agrees" if what == mode else "disagrees", last
                )
            },
            partial(train_made, mode=mode, last=last),
        )
        for last, (what, name) in truths.items()
        for mode in TAUS
    ]


LOOP_CASES, PULSE_CASES = _loops(), [*_pairs(), *_trains()]
