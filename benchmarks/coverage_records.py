"""A train of pulses planted as records, which are analysed, combined and judged.

The other families plant sums of the analysis. Here each seed is a complete record. Ions take half a
picosecond to pass the slab, and their number in a pulse is Poisson. The angles of waters to the
field have a width that depends on the pulse. Seeds differ in both.
"""

from functools import partial
from typing import Any

import numpy as np
from coverage_case import Case, Ends, Numbers, Truth, ensemble_of, made_of, model_of
from coverage_currents import IONS, PULSED, TRAINS
from helpers import tiny_point
from numpy.typing import NDArray
from planted import planted_rows

from januspore.analysis.job import analyse_record
from januspore.analysis.pulses import pulse_segments
from januspore.products import pulse_train
from januspore.products.ensemble import Content
from januspore.report.collect import Made
from januspore.simulate.record import Rows

PULSES = 10
POINT = {
    mode: tiny_point("pulse_train", mode=mode, delay_ps=5.0, pulses=PULSES, **PULSED)
    for mode in TRAINS
}
#: Time that an ion takes to pass the slab, ps.
TRANSIT_PS = 0.5
#: Width of theta in the first pulse, what is added to it up to the last, and the standard deviation
#: of the seeds' widths, rad.
WIDTH, WIDENED, SHIFT = 1.1, -0.3, 0.05
WATERS = 8


def ratios_to(last: float) -> NDArray:
    """Currents of the pulses relative to the first; they approach the last within a few pulses."""
    along = np.exp(-np.arange(PULSES) / 2.0)
    return last + (1 - last) * (along - along[-1]) / (1 - along[-1])


def train_rows(point: Any, rng: Numbers, ratios: NDArray, factor: float = 0.2) -> Rows:
    """The record of one seed, with its factor of the currents and its shift of the widths."""
    protocol = point.protocol
    programme, sample = protocol.programme(), protocol.recording.sample_interval_ps
    leaves = list(programme.leaves())
    pulses = [leaves[k] for k in pulse_segments(programme)]
    begins = np.array([start for start, _ in leaves])
    widths = np.full(len(leaves), WIDTH)
    widths[pulse_segments(programme)] += WIDENED * np.arange(PULSES) / (PULSES - 1)
    widths += SHIFT * rng.normal()

    def width_at(time: float) -> float:
        return float(widths[np.searchsorted(begins, time, side="right") - 1])

    rows = planted_rows(
        point, None, None, rng, waters=WATERS, current_at=lambda t: 0.0, spread_at=width_at
    )
    own = max(1 + factor * rng.normal(), 0.0)
    samples = round(TRANSIT_PS / sample)
    slab = 2 * protocol.recording.slab_half_width_nm
    for (start, leaf), ratio in zip(pulses, ratios, strict=True):
        first, length = round(start / sample), round(leaf.duration_ps / sample)
        for at in first + rng.integers(0, length - samples + 1, rng.poisson(IONS * ratio * own)):
            rows.columns["K_slab_e_nm"][at : at + samples] += slab / samples
            rows.columns["K_cell_e_nm"][at : at + samples] += 3 * slab / samples
            rows.columns["K_forward"][at + samples - 1] += 1
    return rows


def resultant(width: float) -> float:
    """Mean cosine of normal angles whose standard deviation is itself normal about this width."""
    spread = 1 + SHIFT**2
    return float(np.exp(-(width**2) / 2 / spread) / np.sqrt(spread))


def train_content(seeds: int, rng: Numbers, mode: str, last: float) -> Content:
    """The product of a number of seeds, whose records are analysed one by one."""
    point = POINT[mode]
    kept = [
        analyse_record(train_rows(point, rng, ratios_to(last)), [], point, model_of(point))[0]
        for _ in range(seeds)
    ]
    sums = {name: np.stack([own[name] for own in kept]) for name in kept[0]}
    return pulse_train.make(ensemble_of(point, sums))


def train_intervals(rng: Numbers, seeds: int, last: float) -> list[tuple[float, Any]]:
    """True values and intervals (value, low, high) of I4/I0, I9/I0 and the change of order."""
    content, ratios = train_content(seeds, rng, "facilitation", last), ratios_to(last)
    rows = content.table[content.table.estimator == "pore slab"].set_index("pulse")
    names = ["ratio", "ratio_low", "ratio_high"]
    intervals = [(ratios[n], rows.loc[n, names].tolist()) for n in (4, PULSES - 1)]
    first, last_one = resultant(WIDTH), resultant(WIDTH + WIDENED)
    changes = {
        "mean cosine": last_one - first,
        "sigma_theta": np.sqrt(-2 * np.log(last_one)) - np.sqrt(-2 * np.log(first)),
    }
    return intervals + [
        (truth, content.findings[f"{name}, last pulse less first"])
        for name, truth in changes.items()
    ]


def train_made(seeds: int, rng: Numbers, mode: str, last: float) -> tuple[Made, dict[str, Ends]]:
    """Judge a train from the records of its seeds."""
    made = made_of("pulse_train", POINT[mode], train_content(seeds, rng, mode, last), seeds)
    triple = made.findings.get("pore slab, last over first", [None] * 3)
    return made, {TRAINS[mode]: (triple[1], triple[2])}


def _records() -> list[Case]:
    truths = {4.0: ("facilitation", "rises to 4"), 1.0: ("", "no memory")}
    return [
        Case(
            f"{name}, from records",
            {
                TRAINS["facilitation"]: Truth(
                    "" if not what else "agrees" if what == "facilitation" else "disagrees", last
                )
            },
            partial(train_made, mode="facilitation", last=last),
            0.5,
        )
        for last, (what, name) in truths.items()
    ]


RECORD_CASES = _records()
