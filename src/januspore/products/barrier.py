"""Mean force on an ion through the pore, its PMF and barrier, decomposed (paper, Table 1).

The product is one long table with a number and its interval in each row: first the barriers in the
terms of Table 1, then the slopes of the parts with field, then mean forces, PMFs and water order by
window. `part` "total" is the tether's estimate and "sum" that of the parts. Barriers are looked for
twice, in the whole PMF and in that without the applied field's share (`profile`).
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..analysis.barrier import CHARGED_PS_PER_NM, Estimate
from ..analysis.orientation import circular_std
from ..analysis.pmf import Barrier
from ..analysis.statistics import Interval, shown
from ..materials import label_of
from ..protocols import required
from .barrier_figure import draw
from .barrier_profiles import FORCES, Profiles
from .ensemble import Content, Ensemble

#: Parts that are given for every window and barrier, in the order of the paper's Table 1.
SHOWN = ("water_vdw", "water_electrostatic", "water", "membrane", "ions", "field", "sum", "total")
_UNITS = {"mean force": "kJ/mol/nm", "slope": "kJ/mol per V/nm", "cos_dipole": "1", "order": "1"}


def make(ensemble: Ensemble) -> Content:
    """Find the barriers, decompose them, and judge whether the water's part rises with field."""
    windows = required(ensemble.point.protocol.windows, "windows")
    profiles = Profiles(windows, ensemble.each_seed(), ensemble.equilibrations)
    rows = [*_barrier_rows(profiles), *_slope_rows(profiles), *_window_rows(profiles)]
    table = pd.DataFrame(rows)
    table["interval"] = profiles.means["total"].interval_from
    table["seeds"] = len(ensemble.jobs)
    findings = _findings(
        profiles, table, _caution(profiles, ensemble.point.protocol.cell.reservoir_nm)
    )
    title = f"{label_of(windows.ion)} in {ensemble.title}; {ensemble.seeds}; bands 95 %, "
    title += f"{profiles.means['total'].interval_from}"
    return Content(table, draw(title, table), findings)


def _row(
    quantity: str, field: float, part: str, found: Interval | Estimate, **more: Any
) -> dict[str, Any]:
    """One row of the table; columns without a value are empty."""
    errors = {"se_runs": np.nan, "se_seeds": np.nan}
    if isinstance(found, Estimate):
        errors = {"se_runs": float(found.se_runs), "se_seeds": float(found.se_seeds)}
    empty = {"profile": "", "x_nm": np.nan, "to_nm": np.nan, "samples": np.nan, "statement": ""}
    return {
        "quantity": quantity,
        "field_V_per_nm": field,
        "part": part,
        "value": float(found.value),
        "low": float(found.low),
        "high": float(found.high),
        "unit": _UNITS.get(quantity, "kJ/mol"),
        **errors,
        **(empty | more),
    }


def _barrier_rows(profiles: Profiles) -> Iterator[dict[str, Any]]:
    for (profile, f), barrier in profiles.barriers.items():
        field = float(profiles.fields[f])
        if barrier is None:
            text = "no PMF: fewer than two neighbouring windows with a known error"
            yield _row(
                "barrier", field, "total", Interval.unknown(), profile=profile, statement=text
            )
            continue
        ends = {
            "x_nm": float(barrier.minimum_nm.value),
            "to_nm": float(barrier.maximum_nm.value),
            "profile": profile,
        }
        height = _height(profiles, f, barrier)
        text = barrier.in_words(height)
        if not barrier.resolved:
            height = Interval.of(np.nan, height.low, height.high)
            yield _row("barrier", field, "total", height, profile=profile, statement=text)
            continue
        rules = _rules(profiles, f, barrier)
        own = "total" if profile == "whole" else "total_without_field"
        where = barrier, profiles.x[f, profiles.stretch(f)], f, profiles.stretch(f), rules
        for part in (*SHOWN, "total_without_field"):
            if part == own:
                found = profiles.means[part].estimate(*rules)
                found = replace(found, low=height.low, high=height.high)
            else:
                found = profiles.means[part].between(*where)
            said = text if part == own else ""
            yield _row("barrier", field, part, found, **ends, statement=said)
        order = profiles.means["cosine"].estimate(profiles.mean_along(f, barrier))
        yield _row("order", field, "cosine", order, **ends)
        for name in ("minimum", "maximum"):
            place: Interval = getattr(barrier, f"{name}_nm")
            yield _row(name, field, "", place, profile=profile) | {"unit": "nm"}


def _rules(profiles: Profiles, f: int, barrier: Barrier) -> list[NDArray]:
    """Weights of a barrier's rise by both quadratures."""
    ends = barrier.minimum, barrier.maximum
    return [profiles.between(f, *ends, spline) for spline in (False, True)]


def _height(profiles: Profiles, f: int, barrier: Barrier) -> Interval:
    """A barrier's height; its interval is widened by the effect of the quadrature rule."""
    by = profiles.quadrature(f)
    if barrier.found:
        trapezoid, spline = _rules(profiles, f, barrier)
        by = abs(float(profiles.means["total"].estimate(spline - trapezoid).value))
    height = barrier.height
    return Interval(height.value, np.maximum(height.low - by, 0.0), height.high + by)


# --- does the water's part rise with field? ----------------------------------------------------


def _slope_rows(profiles: Profiles) -> Iterator[dict[str, Any]]:
    """Least-squares slopes of the parts against |E|, for each sign of the field apart.

    On each field's own way from minimum to maximum, as in the paper's Table 1, where at least two
    fields have a resolved barrier; and on one way common to all fields, which needs no barrier:
    that of the least field with one, else from the first window to the one nearest to the metal.
    """
    for sign in (1, -1):
        members = [f for f, e in enumerate(profiles.fields) if sign * e >= 0]
        if len({abs(float(profiles.fields[f])) for f in members}) < 2 or not any(
            profiles.fields[f] for f in members
        ):
            continue
        label = f"E {'>' if sign > 0 else '<'} 0"
        found = [f for f in members if (b := profiles.barriers["whole", f]) and b.resolved]
        own = {f: _ends(profiles, f) for f in found}
        common = _common(profiles, members, found)
        for way, ends in (("own way", own), ("common way", common)):
            if len(ends) < 2:
                continue
            rules = [_slope(profiles, ends, spline) for spline in (False, True)]
            for part in (*SHOWN, "total_without_field"):
                estimate = profiles.means[part].estimate(*rules)
                yield _row("slope", np.nan, part, estimate, profile=f"{label}, {way}")


def _ends(profiles: Profiles, f: int) -> tuple[int, int]:
    barrier = profiles.barriers["whole", f]
    assert barrier is not None
    return barrier.minimum, barrier.maximum


def _common(profiles: Profiles, members: list[int], found: list[int]) -> dict[int, tuple[int, int]]:
    if found:
        start, end = _ends(profiles, min(found, key=lambda f: abs(profiles.fields[f])))
    else:
        n = len(profiles.windows.positions_nm)
        way = profiles.way(next(f for f in members if profiles.fields[f]))
        start = 0 if way > 0 else n - 1
        end = int(np.argmin(np.abs(profiles.windows.positions_nm)))
    return {f: (start, end) for f in members}


def _slope(profiles: Profiles, ends: dict[int, tuple[int, int]], spline: bool) -> NDArray:
    size = np.abs(profiles.fields[list(ends)])
    lever = (size - size.mean()) / ((size - size.mean()) ** 2).sum()
    shares = [profiles.between(f, *ends[f], spline) for f in ends]
    return np.asarray(np.tensordot(lever, shares, axes=1))


def _findings(profiles: Profiles, table: pd.DataFrame, caution: str) -> dict[str, Any]:
    found: dict[str, Any] = {"ion": profiles.windows.ion}
    total = profiles.means["total"]
    stated = table[(table.quantity == "barrier") & (table.statement != "")]
    for row in stated.to_dict("records"):
        name = "barrier" if row["profile"] == "whole" else "barrier without the field's share"
        found[f"E = {row['field_V_per_nm']:g} V/nm, {name}"] = row["statement"]
    found |= _along_windows(profiles)
    found["intervals"] = total.interval_from
    found["caution"] = caution
    found["spread over seeds in standard errors of the runs"] = total.excess
    found["tether less sum of parts, root mean square in standard errors"] = _gap(profiles)
    found["cubic spline less trapezoid, largest in the PMF (kJ/mol)"] = max(
        profiles.quadrature(f) for f in range(len(profiles.fields))
    )
    slopes = table[
        (table.quantity == "slope") & table.part.isin(["water_electrostatic", "water_vdw"])
    ]
    for row in slopes.to_dict("records"):
        key = f"{row['profile']}, {row['part']} with |E| (kJ/mol per V/nm)"
        found[key] = [row["value"], row["low"], row["high"]]
    # A caption shows only this sentence, so it must include the caution.
    found["verdict"] = "; but ".join(filter(None, [_verdict(slopes), found["caution"]]))
    return found


def _along_windows(profiles: Profiles) -> dict[str, list[float]]:
    """What the mean force does along all windows, and what it is at the one nearest to x = 0."""
    total, found = profiles.means["total"], {}
    for f, field in enumerate(profiles.fields):
        part = profiles.stretch(f)
        if part.stop - part.start < 2:
            continue
        rules = [profiles.weights(f, spline)[part.stop - 1] for spline in (False, True)]
        middle = np.zeros_like(rules[0])
        middle[f, part.start + int(np.argmin(np.abs(profiles.x[f, part])))] = 1.0
        at = f"E = {field:g} V/nm"
        rise = total.estimate(*rules).interval
        found[f"{at}, PMF from first to last window (kJ/mol)"] = rise.triple()
        force = total.estimate(middle).interval
        found[f"{at}, mean force at the metal plane (kJ/mol/nm)"] = force.triple()
    return found


def _caution(profiles: Profiles, reservoir_nm: float) -> str:
    """Return why the intervals may be too narrow, empty if there is no such reason."""
    waited, wanted = profiles.windows.charged_ps, CHARGED_PS_PER_NM * reservoir_nm
    if waited < wanted:
        return (
            f"windows are sampled from {waited:g} ps after a change of field on, while the "
            f"reservoirs still charge, in all seeds alike: {wanted:g} ps would do (charging_ps)"
        )
    if len(profiles.means["total"].each) == 1:
        return "one seed cannot show what all of its windows share; two seeds would"
    return ""


def _gap(profiles: Profiles) -> float:
    """Root mean square difference of the two estimators in standard errors; 1 if they agree."""
    total, parts = profiles.means["total"], profiles.means["sum"]
    error = np.sqrt(total.variance + parts.variance)
    return float(np.sqrt(np.nanmean(((total.value - parts.value) / error) ** 2)))


def _verdict(slopes: pd.DataFrame) -> str:
    if slopes.empty:
        return "one field of each sign: nothing to compare the water's part with"
    texts = []
    for label in dict.fromkeys(p.split(",")[0] for p in slopes.profile):
        mine = slopes[slopes.profile.str.startswith(label)]
        # The paper's own definition where it is possible.
        way = "own way" if mine.profile.str.endswith("own way").any() else "common way"
        for row in mine[mine.profile.str.endswith(way)].to_dict("records"):
            word = "does not change beyond its interval"
            if row["low"] > 0:
                word = "rises with field"
            elif row["high"] < 0:
                word = "falls with field"
            name = {"water_electrostatic": "electrostatic", "water_vdw": "van der Waals"}
            slope = shown([row["value"], row["low"], row["high"]])
            texts.append(
                f"{label}: water's {name[row['part']]} part {word} ({slope} kJ/mol per V/nm, {way})"
            )
    return "; ".join(texts)


# --- profiles by window ------------------------------------------------------------------------


def _window_rows(profiles: Profiles) -> Iterator[dict[str, Any]]:
    samples = profiles.sums["samples"].sum(axis=0)
    n = samples.shape[1]
    theta = profiles.sums["theta"].sum(axis=0)
    for f, field in enumerate(profiles.fields):
        unit = np.zeros((n, len(profiles.fields), n))
        unit[np.arange(n), f, np.arange(n)] = 1.0
        place = [{"x_nm": profiles.x[f, k], "samples": samples[f, k]} for k in range(n)]
        for quantity, rules, parts in (
            ("mean force", (unit,), FORCES),
            ("PMF", (profiles.weights(f), profiles.weights(f, True)), FORCES),
            ("cos_dipole", (unit,), ("cosine",)),
        ):
            for part in parts:
                found = profiles.means[part].estimate(*rules)
                for k in range(n):
                    yield _row(quantity, field, part, _at(found, k), **place[k])
        for k, width in enumerate(circular_std(theta[f])):
            yield _row("sigma_theta", field, "", Interval.of(width), **place[k]) | {"unit": "rad"}


def _at(found: Estimate, k: int) -> Estimate:
    ends = (found.value, found.low, found.high, found.se_runs, found.se_seeds)
    return Estimate(*(np.asarray(v[k]) for v in ends))
