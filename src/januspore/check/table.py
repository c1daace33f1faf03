"""The report of `check` as text."""

from collections.abc import Iterable
from typing import Any

from ..run.estimate import in_words
from .advice import Trial
from .cells import CELLS


def text(report: dict[str, Any], trials: list[Trial]) -> str:
    """Return the report of `command.check` as lines for a terminal."""
    lines = [f"{report['machine']['processor']}, {report['machine']['cpus']} CPUs"]
    for engine, devices in report["engines"].items():
        named = ", ".join(f"{d['platform']} ({d['name']})" for d in devices)
        lines.append(f"{engine}: {named or 'cannot be loaded'}")
    if report["openmm_cpu_kernel_width"]:
        lines.append(_kernel(report["openmm_cpu_kernel_width"]))
    lines += ["", *_columns(_correctness(trials)), "", *_columns(_speeds(trials))]
    lines += ["", *_recommended(report)]
    lines += [f"note: {note}" for note in report["notes"]]
    return "\n".join(lines)


def _kernel(width: int) -> str:
    told = f"OpenMM's CPU kernel takes {width} numbers at once"
    if width < 8:
        return told + ": half of what x86 CPUs with AVX can (docs/upstream-openmm-avx.md)"
    return told + " (AVX)"


def _correctness(trials: list[Trial]) -> list[list[str]]:
    """Relative differences of forces, and deviations in 1 ps with a restart."""
    head = ["", "ions", "waters", "field", "T_trans", "T_rot", "restart nm", ""]
    rows = [
        [
            f"{trial.engine} {trial.platform}",
            *(_number(trial.numbers.get(key), ".1e") for key in ("ions", "waters", "field")),
            *(_number(trial.numbers.get(key), ".0f") for key in ("T_trans_K", "T_rot_K")),
            _number(trial.numbers.get("restart_nm"), ".0e"),
            "WRONG" if trial.faults else "right",
        ]
        for trial in trials
    ]
    return [head, *rows]


def _speeds(trials: list[Trial]) -> list[list[str]]:
    """Milliseconds a step and ns a day, alone, and the gain of running side by side."""
    cells = [f"{cell} {unit}" for cell in CELLS for unit in ("ms/step", "ns/day")]
    rows = [["", *cells, "side by side"]]
    for trial in trials:
        if not trial.speed:
            continue
        times = [
            _number(trial.speed.get(cell, {}).get(key), form)
            for cell in CELLS
            for key, form in (("ms_per_step", ".3g"), ("ns_per_day", ".3g"))
        ]
        gains = ", ".join(f"{n}: {gain:.2f}x" for n, gain in trial.gains.items())
        rows.append([f"{trial.engine} {trial.platform}", *times, gains])
    return rows


def _recommended(report: dict[str, Any]) -> Iterable[str]:
    if not report["recommended"]:
        yield "nothing is recommended: no engine is both correct and timed"
        return
    together = report["side_by_side"]
    yield f"recommended here, {together} side by side (project.py run --parallel {together}):"
    for key, value in report["recommended"].items():
        yield f"  {key}={value}"
    if report["busy"]:
        yield "the machine was busy with other work: timings are not reliable"
    if report["written_down"]:
        kinds = ", ".join(f"{engine} on a {kind}" for kind, engine in report["preferred"].items())
        yield f"written down for this data space: {kinds}"
    else:
        yield "no preference was written down"
    for name, told in report["studies"].items():
        cell, own = told["timed_cell"], told["own_cell"]
        by = "" if cell == own else f", judged by the {cell} cell"
        yield f"study {name}: {in_words(told['hours'])} of simulation{by}"


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _columns(rows: list[list[str]]) -> list[str]:
    """Align the cells of rows: the first column to the left, the others to the right."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if k == 0 else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
