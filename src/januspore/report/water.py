"""How the paper's statements on the pore's water are judged.

All rest on the mean cosine of the dipoles to the field, which is linear in the order; the paper's
sigma_theta stands beside it.
"""

import math
from collections.abc import Callable
from dataclasses import replace

from ..analysis.statistics import Interval, difference, p_value
from .collect import Made
from .judging import (
    Reading,
    Verdict,
    judge_sign,
    undecided,
)

RISES_ASSUMES = "nothing of the water's kinetics; each sign of the field is judged alone"
LAG_ASSUMES = (
    "that without memory the order follows the field within the time of the slower of the "
    "repeated steps"
)
HELD_ASSUMES = "that the later half of a hold lies five relaxation times or more after its step"
TAU_ASSUMES = "one exponential in the mean cosine"
#: Differences of order between branches below this fraction of its range count as none.
NEGLIGIBLE = 0.05


def rises(side: str) -> Callable[[Made], Reading]:
    """Return a judge of whether the water's order rises with a field of one sign."""

    def read(made: Made) -> Reading:
        rise = made.findings.get(f"rise of mean cosine with field, {side}")
        width = made.findings.get(f"fall of sigma_theta with field, {side}")
        if rise is None or width is None:
            return Reading("-", Verdict.MISSING, "no two fields of this sign were held")
        reading = judge_sign(rise, "of the mean cosine", made.equilibrations)
        return replace(
            reading, value=f"{reading.value}; {_shown('sigma_theta falls by', width)} rad"
        )

    return read


def slower(key: str) -> Callable[[Made], Reading]:
    """Return a judge of whether relaxing takes longer than ordering."""

    def read(made: Made) -> Reading:
        triple = made.findings.get(f"mean cosine, {key}")
        if triple is None or None in triple:  # resolved each, and the two in too few resamples
            return Reading("no two times resolved", Verdict.OPEN, "more seeds or repeats")
        value, low, high = triple
        shown = _shown("mean cosine", triple)
        width = made.findings.get(f"sigma_theta, {key}")
        shown += f"; {_shown('sigma_theta', width)}" if width else ""
        if made.findings.get("caution"):
            return Reading(shown, Verdict.OPEN, made.findings["caution"])
        logs = math.log(value), math.log(low), math.log(high)
        p = p_value(logs, 0.0, made.equilibrations)
        if low > 1:
            return Reading(shown, Verdict.AGREES, p=p)
        if high < 1:
            return Reading(shown, Verdict.DISAGREES, p=p)
        half = (logs[2] - logs[1]) / 2
        return undecided(shown, made.equilibrations, half, abs(logs[0]), p)

    return read


def beyond_lag(made: Made) -> Reading:
    """Judge whether the order under a sine lags longer than the time constants of steps.

    The judged quantity is the tangent of the phase, the quadrature of the order's fundamental over
    its part in phase with the field.
    """
    triple = made.findings["lag_ps"]
    shown = f"{_shown('lag', triple)} ps at {made.protocol['frequency_GHz']:g} GHz"
    if None in triple:
        return Reading(shown, Verdict.OPEN, "the order is not known to follow the field")
    times = _times(made)
    if times is None:
        why = "a linear response lags, too: protocol steps would give its time"
        return Reading(shown, Verdict.OPEN, why)
    fast, slow = sorted(times, key=lambda tau: float(tau.value))
    shown += f"; steps {float(fast.value):.3g} and {float(slow.value):.3g} ps"
    omega = 2e-3 * math.pi * made.protocol["frequency_GHz"]
    beyond = difference(Interval.of(*triple), slow).scaled(omega)
    most = difference(Interval.of(*triple), fast).scaled(omega)
    p = p_value(beyond.triple(), 0.0, made.equilibrations)
    none = p_value(most.triple(), NEGLIGIBLE, made.equilibrations)
    if beyond.low > 0:
        return Reading(shown, Verdict.AGREES, p=p)
    if most.high < NEGLIGIBLE:
        why = f"what is beyond the lag is below {NEGLIGIBLE:.0%} of the order's swing"
        return Reading(shown, Verdict.DISAGREES, why, none)
    half = float(beyond.high - beyond.low) / 2
    wanted = max(abs(float(beyond.value)), NEGLIGIBLE / 2)
    reading = undecided(shown, made.equilibrations, half, wanted, min(p, none))
    return replace(reading, why=f"no longer than a linear response's; {reading.why}")


def held(made: Made) -> Reading:
    """Judge whether the order at equal held fields is higher in the reverse sweep."""
    triple = made.findings["order_reverse_less_forward"]
    reading = judge_sign(triple, "of the mean cosine", made.equilibrations)
    own = made.findings.get("mean cosine, tau_reverse_ps")
    times = _times(made) or ([Interval.of(*own)] if own else None)
    if not reading.decides and (triple[2] is None or triple[2] >= NEGLIGIBLE):
        return reading
    if times is None:
        return Reading(reading.value, Verdict.OPEN, "no relaxation time of this membrane is known")
    needed = 10 * max(float(tau.high) for tau in times)
    if made.findings["hold_ps"] < needed:
        why = f"holds of {made.findings['hold_ps']:g} ps may still relax: {needed:.3g} ps would do"
        return Reading(reading.value, Verdict.OPEN, why)
    if reading.decides:
        return reading
    p = p_value(triple, NEGLIGIBLE, made.equilibrations)
    return Reading(reading.value, Verdict.DISAGREES, f"more than {NEGLIGIBLE} is excluded", p)


def _times(made: Made) -> list[Interval] | None:
    """Times of both ways from repeated steps of the same membrane, None where not known."""
    steps = made.beside.get("step_relaxation")
    if steps is None or steps.findings.get("caution"):
        return None
    found = [steps.findings.get(f"mean cosine, tau_{way}_ps") for way in ("up", "down")]
    return [Interval.of(*tau) for tau in found if tau] if all(found) else None


def _shown(words: str, triple: list[float | None]) -> str:
    value, low, high = triple
    if value is None:
        return f"{words} no value"
    interval = "" if low is None or high is None else f" [{low:.3g}, {high:.3g}]"
    return f"{words} {value:.3g}{interval}"
