"""Paired-pulse facilitation and depression: I1/I0 against delay (paper, Fig. 5A)."""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..analysis.current import ESTIMATORS, Tables, rate
from ..analysis.pulses import Memory, Pulses, by_estimator
from ..analysis.relaxation import exponential, fit_exponential
from ..analysis.statistics import bootstrap
from ..protocols import required
from ..protocols.views import Pairs
from .drawing import Panel, bars, legend, panels, seen
from .ensemble import Content, Ensemble


def make(ensemble: Ensemble) -> Content:
    """Ratio of the second pulse's current to the first's, and its decay with the delay.

    A0 + A1 exp(-dt / tau_f) for facilitation and A0 + A1 (1 - exp(-dt / tau_d)) for depression are
    one curve, see `analysis.relaxation`.
    """
    pairs = required(ensemble.point.protocol.pairs, "pairs")
    sums = ensemble.sums()
    delays = np.array(pairs.delays_ps)
    found = by_estimator(sums, ensemble.point.protocol.recording, ensemble.model)
    frames = [_frame(delays, *item, len(ensemble.jobs)) for item in found.items()]
    codes: dict[str, str] = {}
    findings: dict[str, Any] = {"mode": pairs.mode, "codes": codes}
    for estimator, pulses in found.items():
        codes[estimator], numbers = _findings(estimator, pulses, delays)
        findings |= numbers
    table = pd.concat(frames, ignore_index=True)
    findings["verdict"] = _verdict(findings)
    return Content(table, _figure(ensemble, pairs, table, findings), findings)


def _frame(delays: NDArray, estimator: str, pulses: Pulses, seeds: int) -> pd.DataFrame:
    currents, ratio = pulses.currents, pulses.ratio
    return pd.DataFrame(
        {
            "delay_ps": delays,
            "estimator": estimator,
            "I0_nA": currents.value[0],
            "I0_nA_low": currents.low[0],
            "I0_nA_high": currents.high[0],
            "I1_nA": currents.value[1:],
            "I1_nA_low": currents.low[1:],
            "I1_nA_high": currents.high[1:],
            "ratio": ratio.value,
            "ratio_low": ratio.low,
            "ratio_high": ratio.high,
            "flag": pulses.flag,
            "seeds": seeds,
        }
    )


def _findings(estimator: str, pulses: Pulses, delays: NDArray) -> tuple[str, dict[str, Any]]:
    """Results of one estimator: a code, and findings by name."""
    known: dict[str, Any] = {f"{estimator}, I0_nA": pulses.currents.at(0).triple()}
    if pulses.missing:
        return pulses.missing, known | {estimator: pulses.flag}
    known |= {
        f"{estimator}, I1 over I0 after {delay:g} ps": pulses.ratio.at(k).triple()
        for k, delay in enumerate(delays)
    }
    order = np.argsort(delays)
    if len(delays) < 4:
        few = "ratios given; fewer than four delays carry no fit"
        return Memory.OPEN, known | {estimator: few}

    # tau is fitted to the second currents: the first one only scales all ratios by one factor.
    def fit(tables: Tables) -> NDArray:
        return fit_exponential(delays[order], rate(tables)[:, 1:][:, order])

    fitted = bootstrap(pulses.tables, fit, repeats=400)
    triple, step = fitted.at(0).exp().triple(), fitted.at(2).triple()
    if not np.isfinite(triple).all() or step[1] <= 0 <= step[2]:
        none = "no dependence on the delay that the data can carry"
        return Memory.OPEN, known | {estimator: none}
    return Memory.DECAYS, known | {
        estimator: "fit carried",
        f"{estimator} tau_ps": triple,
        f"{estimator} amplitude_nA": step,
        f"{estimator} current_at_long_delay_nA": fitted.at(1).triple(),
    }


def _verdict(findings: dict[str, Any]) -> str:
    slab, cell = (findings[name] for name in ESTIMATORS)
    codes = findings["codes"]
    if codes["pore slab"] == Memory.DECAYS:
        return "memory of the first pulse in the current through the pore"
    if codes["whole cell"] == Memory.DECAYS:
        return (
            f"pore slab: {slab}; the whole cell's ratio changes with the delay, which the charging "
            "of the reservoirs alone can do"
        )
    return f"pore slab: {slab}; whole cell: {cell}"


def _figure(
    ensemble: Ensemble, pairs: Pairs, table: pd.DataFrame, findings: dict[str, Any]
) -> Figure:
    row = []
    for estimator in ESTIMATORS:
        rows = table[table.estimator == estimator].sort_values("delay_ps")
        draw = partial(_ratios, estimator=estimator, rows=rows, findings=findings)
        row.append(Panel(draw, ratio_missing(estimator, rows)))
    return panels(f"{ensemble.title}; {pairs.mode}; {ensemble.seeds}, bars 95 %", [row])


def ratio_missing(estimator: str, rows: pd.DataFrame) -> str:
    """Return why the ratios of an estimator are not drawn, if there are none."""
    return "" if seen(rows.ratio) else f"{estimator}: {rows.flag.iloc[0] or 'no ratio'}"


def _ratios(axis: Axes, estimator: str, rows: pd.DataFrame, findings: dict[str, Any]) -> None:
    axis.axhline(1, color="0.7", lw=0.5)
    bars(axis, rows.delay_ps, rows.ratio, rows.ratio_low, rows.ratio_high, color="black")
    if f"{estimator} tau_ps" in findings:
        t = np.linspace(rows.delay_ps.min(), rows.delay_ps.max(), 200)
        tau = findings[f"{estimator} tau_ps"][0]
        level = findings[f"{estimator} current_at_long_delay_nA"][0]
        curve = exponential(t, np.log(tau), level, findings[f"{estimator} amplitude_nA"][0])
        axis.plot(t, curve / rows.I0_nA.iloc[0], label=f"tau = {tau:.3g} ps")
    axis.set(xlabel="delay (ps)", ylabel="I1 / I0", xlim=(0, 1.15 * rows.delay_ps.max()))
    first = "I0 = {:.3g} [{:.3g}, {:.3g}] nA".format(
        *rows[["I0_nA", "I0_nA_low", "I0_nA_high"]].iloc[0]
    )
    legend(axis, f"{estimator}\n{first}")
