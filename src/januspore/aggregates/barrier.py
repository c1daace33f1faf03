"""Mean force on an ion through the pore, its PMF and barrier, taken apart (paper, Table 1).

One long table, a number with its interval a row, so that all of it has one form: the barriers in
Table 1's terms first, then the slopes of the parts with field, mean forces, PMFs and water order by
window. `part` "total" is the tether's estimate and "sum" that of the parts. Barriers are looked for
twice, in the whole PMF and in that without the applied field's share (`profile`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..analysis.barrier import (
    LONG_WINDOW_PS,
    MANY_SEEDS,
    Estimate,
    Means,
    over_seeds,
    way_of,
)
from ..analysis.orientation import circular_std
from ..analysis.pmf import (
    Barrier,
    find_barrier,
    longest_stretch,
    spline_weights,
    trapezoid_weights,
)
from ..analysis.statistics import Interval
from ..engines.base import PARTS
from ..schema import Barrier as Protocol
from .barrier_figure import draw
from .ensemble import Content, Ensemble

#: Profiles that barriers are looked for in.
PROFILES = ("whole", "without field")
#: What is given of every window and barrier, in the order of the paper's Table 1.
SHOWN = ("water_vdw", "water_electrostatic", "water", "membrane", "ions", "field", "sum", "total")
_FORCES = ("total", "total_without_field", *PARTS, "water", "membrane", "sum")
_UNITS = {"mean force": "kJ/mol/nm", "slope": "kJ/mol per V/nm", "cos_dipole": "1", "order": "1"}


@dataclass(frozen=True)
class Profiles:
    """Mean forces of one ensemble and what follows from them, by field and window."""

    protocol: Protocol
    sums: dict[str, NDArray]

    @cached_property
    def means(self) -> dict[str, Means]:
        """Means of every series by name, those of `_FORCES` and "cosine"."""
        means = {name: over_seeds(self.sums, name) for name in (*_FORCES[2:], "cosine")}
        means["total"] = over_seeds(self.sums, "tether")
        means["total_without_field"] = means["total"].less(means["field"])
        return means

    @property
    def fields(self) -> NDArray:
        """Held fields, V/nm."""
        return np.array(self.protocol.fields_V_per_nm)

    @cached_property
    def x(self) -> NDArray:
        """Mean positions of the ion, nm, shape (fields, positions); NaN where not sampled."""
        return np.asarray(self.sums["x_nm"].mean(axis=0))

    def stretch(self, f: int) -> slice:
        """Windows of a field without a gap, which the PMF is integrated over."""
        return longest_stretch(
            np.isfinite(self.means["total"].value[f] + self.means["sum"].value[f])
        )

    def way(self, f: int) -> int:
        """Direction in which a field drives the ion."""
        return way_of(self.protocol.ion, float(self.fields[f]))

    def weights(self, f: int, spline: bool = False) -> NDArray:
        """Weights of the PMF at every window of a field, shape (positions, fields, positions).

        NaN outside the stretch: a PMF is not carried over a gap.
        """
        n, part = len(self.x[f]), self.stretch(f)
        weights = np.zeros((n, len(self.fields), n))
        weights[:, f] = np.nan
        rule = spline_weights if spline else trapezoid_weights
        weights[part, f] = 0.0
        weights[part, f, part] = rule(self.x[f, part])
        return weights

    def between(self, f: int, start: int, end: int, spline: bool = False) -> NDArray:
        """Weights of the PMF's rise from one window to another, shape (fields, positions)."""
        weights = self.weights(f, spline)
        return np.asarray(weights[end] - weights[start])

    def quadrature(self, f: int) -> float:
        """Largest difference between two points of a field's PMF that the rule makes, kJ/mol."""
        change = self.weights(f, True) - self.weights(f)
        gap = self.means["total"].estimate(change).value
        return float(np.nanmax(gap) - np.nanmin(gap)) if np.isfinite(gap).any() else 0.0

    def mean_along(self, f: int, barrier: Barrier) -> NDArray:
        """Weights of the mean over a barrier's windows, along the field, as `between`."""
        first, last = sorted((barrier.minimum, barrier.maximum))
        weights = np.zeros((len(self.fields), self.x.shape[1]))
        weights[f, first : last + 1] = (-1.0 if self.fields[f] < 0 else 1.0) / (last + 1 - first)
        return weights

    @cached_property
    def barriers(self) -> dict[tuple[str, int], Barrier | None]:
        """Barriers by profile and field; windows count from the first of all. None: no PMF."""
        names = dict(zip(PROFILES, ("total", "total_without_field"), strict=True))
        return {
            (profile, f): self._barrier(self.means[name], f)
            for profile, name in names.items()
            for f in range(len(self.fields))
        }

    def _barrier(self, means: Means, f: int) -> Barrier | None:
        part = self.stretch(f)
        variance = means.variance[f, part]
        if part.stop - part.start < 2 or not np.isfinite(variance).all():
            return None
        here = (self.x[f, part], means.value[f, part], variance, means.freedom[f, part])
        return find_barrier(*here, self.way(f), first=part.start)


def make(ensemble: Ensemble) -> Content:
    """Find the barriers, take them apart, and say whether the water's part rises with field."""
    protocol = ensemble.point.protocol
    assert isinstance(protocol, Protocol)
    profiles = Profiles(protocol, ensemble.each_seed())
    rows = [*_barrier_rows(profiles), *_slope_rows(profiles), *_window_rows(profiles)]
    table = pd.DataFrame(rows)
    table["interval"] = profiles.means["total"].interval_from
    table["seeds"] = len(ensemble.jobs)
    findings = _findings(profiles, table)
    title = f"{protocol.ion} in {ensemble.title}; {ensemble.seeds}; bands 95 %, "
    title += f"{profiles.means['total'].interval_from}"
    return Content(table, draw(title, table), findings)


def _row(
    quantity: str, field: float, part: str, found: Interval | Estimate, **more: Any
) -> dict[str, Any]:
    """One row of the table; what it does not have is empty."""
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


_NOTHING = Interval(*(np.asarray(np.nan) for _ in range(3)))


def _barrier_rows(profiles: Profiles) -> Iterator[dict[str, Any]]:
    for (profile, f), barrier in profiles.barriers.items():
        field = float(profiles.fields[f])
        if barrier is None:
            text = "no PMF: fewer than two neighbouring windows with a known error"
            yield _row("barrier", field, "total", _NOTHING, profile=profile, statement=text)
            continue
        ends = {
            "x_nm": float(barrier.minimum_nm.value),
            "to_nm": float(barrier.maximum_nm.value),
            "profile": profile,
        }
        if not barrier.found:
            highest = barrier.bound_kJ_per_mol + profiles.quadrature(f)
            bound = Interval(*(np.asarray(v) for v in (np.nan, 0.0, highest)))
            text = _none_found(barrier, highest)
            yield _row("barrier", field, "total", bound, profile=profile, statement=text)
            continue
        rules = [
            profiles.between(f, barrier.minimum, barrier.maximum, spline)
            for spline in (False, True)
        ]
        for part in (*SHOWN, "total_without_field"):
            found = profiles.means[part].estimate(*rules)
            own = "total" if profile == "whole" else "total_without_field"
            text = _statement(barrier, found) if part == own else ""
            yield _row("barrier", field, part, found, **ends, statement=text)
        order = profiles.means["cosine"].estimate(profiles.mean_along(f, barrier))
        yield _row("order", field, "cosine", order, **ends)
        for name in ("minimum", "maximum"):
            place: Interval = getattr(barrier, f"{name}_nm")
            yield _row(name, field, "", place, profile=profile) | {"unit": "nm"}


def _none_found(barrier: Barrier, highest: float) -> str:
    text = f"no barrier found, below {highest:.3g} kJ/mol"
    if barrier.minimum == barrier.maximum:
        return f"{text} (the PMF falls all the way)"
    return f"{text} (noise alone rises as much in {barrier.chance:.0%} of cases)"


def _statement(barrier: Barrier, found: Estimate) -> str:
    least = "at least " if barrier.open_ends else ""
    text = f"{least}{_shown(found)} kJ/mol from x = {_shown(barrier.minimum_nm, '.2f')}"
    text += f" to {_shown(barrier.maximum_nm, '.2f')} nm"
    if barrier.open_ends:
        text += f"; {' and '.join(barrier.open_ends)} at the end of the windows, still rising"
    return text


def _shown(found: Interval | Estimate, digits: str = ".3g") -> str:
    value, low, high = (float(v) for v in (found.value, found.low, found.high))
    return f"{value:{digits}} [{low:{digits}}, {high:{digits}}]"


# --- does the water's part rise with field? ----------------------------------------------------


def _slope_rows(profiles: Profiles) -> Iterator[dict[str, Any]]:
    """Least-squares slopes of the parts against |E|, for each sign of the field apart.

    On each field's own way from minimum to maximum, as in the paper's Table 1, where at least two
    fields have a barrier; and on one way common to all fields, which needs no barrier: that of the
    least field with one, else from the first window to the one nearest to the Mo plane.
    """
    for sign in (1, -1):
        members = [f for f, e in enumerate(profiles.fields) if sign * e >= 0]
        if len({abs(float(profiles.fields[f])) for f in members}) < 2 or not any(
            profiles.fields[f] for f in members
        ):
            continue
        label = f"E {'>' if sign > 0 else '<'} 0"
        found = [f for f in members if (b := profiles.barriers["whole", f]) and b.found]
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
        n = len(profiles.protocol.positions_nm)
        way = profiles.way(next(f for f in members if profiles.fields[f]))
        start = 0 if way > 0 else n - 1
        end = int(np.argmin(np.abs(profiles.protocol.positions_nm)))
    return {f: (start, end) for f in members}


def _slope(profiles: Profiles, ends: dict[int, tuple[int, int]], spline: bool) -> NDArray:
    size = np.abs(profiles.fields[list(ends)])
    lever = (size - size.mean()) / ((size - size.mean()) ** 2).sum()
    shares = [profiles.between(f, *ends[f], spline) for f in ends]
    return np.asarray(np.tensordot(lever, shares, axes=1))


def _findings(profiles: Profiles, table: pd.DataFrame) -> dict[str, Any]:
    found: dict[str, Any] = {"ion": profiles.protocol.ion}
    total = profiles.means["total"]
    stated = table[(table.quantity == "barrier") & (table.statement != "")]
    for row in stated.to_dict("records"):
        name = "barrier" if row["profile"] == "whole" else "barrier without the field's share"
        found[f"E = {row['field_V_per_nm']:g} V/nm, {name}"] = row["statement"]
    found["intervals"] = total.interval_from
    found["caution"] = _caution(profiles)
    found["within-run errors widened by"] = total.factor
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
    # The one sentence that a figure's caption gives must not leave the caution behind.
    found["verdict"] = "; but ".join(filter(None, [_verdict(slopes), found["caution"]]))
    return found


def _caution(profiles: Profiles) -> str:
    """Why the intervals may be too narrow, empty if nothing says so."""
    window, seeds = profiles.protocol.window_ps, len(profiles.sums["samples"])
    if seeds >= MANY_SEEDS or window >= LONG_WINDOW_PS:
        return ""
    return (
        f"windows of {window:g} ps do not tell their own error, and intervals are too narrow: "
        f"{MANY_SEEDS} seeds or windows of {LONG_WINDOW_PS:g} ps would tell"
    )


def _gap(profiles: Profiles) -> float:
    """Root mean square gap of the two estimators; about 1 if they agree and err independently."""
    total, parts = profiles.means["total"], profiles.means["sum"]
    error = np.sqrt(total.variance + parts.variance)
    return float(np.sqrt(np.nanmean(((total.value - parts.value) / error) ** 2)))


def _verdict(slopes: pd.DataFrame) -> str:
    if slopes.empty:
        return "one field of each sign: nothing to compare the water's part with"
    texts = []
    for label in dict.fromkeys(p.split(",")[0] for p in slopes.profile):
        mine = slopes[slopes.profile.str.startswith(label)]
        # The paper's own definition where it can be had.
        way = "own way" if mine.profile.str.endswith("own way").any() else "common way"
        for row in mine[mine.profile.str.endswith(way)].to_dict("records"):
            word = "not told from unchanged"
            if row["low"] > 0:
                word = "rises with field"
            elif row["high"] < 0:
                word = "falls with field"
            name = {"water_electrostatic": "electrostatic", "water_vdw": "van der Waals"}
            shown = f"{row['value']:.3g} [{row['low']:.3g}, {row['high']:.3g}]"
            texts.append(
                f"{label}: water's {name[row['part']]} part {word} ({shown} kJ/mol per V/nm, {way})"
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
            ("mean force", (unit,), _FORCES),
            ("PMF", (profiles.weights(f), profiles.weights(f, True)), _FORCES),
            ("cos_dipole", (unit,), ("cosine",)),
        ):
            for part in parts:
                found = profiles.means[part].estimate(*rules)
                for k in range(n):
                    yield _row(quantity, field, part, _at(found, k), **place[k])
        for k, width in enumerate(circular_std(theta[f])):
            alone = Interval(*(np.asarray(v) for v in (width, np.nan, np.nan)))
            yield _row("sigma_theta", field, "", alone, **place[k]) | {"unit": "rad"}


def _at(found: Estimate, k: int) -> Estimate:
    ends = (found.value, found.low, found.high, found.se_runs, found.se_seeds)
    return Estimate(*(np.asarray(v[k]) for v in ends))
