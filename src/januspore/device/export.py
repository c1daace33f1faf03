"""Export of a fitted device: a SPICE subcircuit, a Verilog-A module, JSON.

A parameter that the data do not fix has no value in any of them. Two parameter lines give its
range, and the simulator reports the parameter as undefined until the user sets it.
"""

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from ..analysis.store import plain
from .fitted import BACK, CONDUCTANCE, FORWARD, MEMORY, Fitted
from .model import Table

#: A field far beyond any in use, V/nm; tables are constant from their ends to it.
_FAR = 1e3
#: Capacitance of the state's node in SPICE, F: with this value a rate in 1/ps is a current in A.
_STATE_F = 1e-12


def spice(fitted: Fitted, about: Sequence[str] = ()) -> str:
    """Return a subcircuit with the terminals p and n, for ngspice.

    The state, the order of the pore's water, is the voltage of the internal node s. It starts at
    its steady value for the voltage at the circuit's operating point.
    """
    name = identifier(fitted.name)
    lines = [f"* {line}" for line in _head(fitted, about)]
    for own in fitted.whole:
        lines += [
            f"* {own.name} is not fixed by the data ({own.why}): choose .param {own.name}=...",
            f".param {own.name}_min={own.low:.6g}",
            f".param {own.name}_max={own.high:.6g}",
        ]
    tables = _tables(fitted)
    field = f"v(p,n)/{fitted.length_nm:.9g}"
    memory = f"{{{MEMORY}}}" if fitted.memory_nS is None else f"{fitted.memory_nS:.9g}"
    lines += [
        f".subckt {name} p n",
        *_continued(f"Bgoal goal 0 V={_pwl(field, tables['order'])}"),
        *_continued(f"Bforward forward 0 V={_pwl(field, tables['forward'], FORWARD)}"),
        *_continued(f"Bback back 0 V={_pwl(field, tables['back'], BACK)}"),
        *_continued(f"Bg g 0 V={_pwl(field, tables['conductance'], CONDUCTANCE)}"),
        f"Cs s 0 {_STATE_F:g}",
        "Bs 0 s I=(v(goal)-v(s))/(abs(v(s)) < abs(v(goal)) ? v(forward) : v(back))",
        f"Bi p n I=1e-9*v(p,n)*(v(g)+({memory})*(abs(v(s))-abs(v(goal))))",
        f".ends {name}",
    ]
    return "\n".join(lines) + "\n"


def verilog_a(fitted: Fitted, about: Sequence[str] = ()) -> str:
    """Return a module with the terminals p and n; not tested with a Verilog-A compiler."""
    name, tables = identifier(fitted.name), _tables(fitted)
    lines = [f"// {line}" for line in _head(fitted, about)]
    lines += ['`include "disciplines.vams"', f"module {name}(p, n);", "  inout p, n;"]
    lines += ["  electrical p, n, s;"]
    for own in fitted.whole:
        lines += [
            f"  // {own.name} is not fixed by the data ({own.why}) and has no default.",
            f"  localparam real {own.name}_min = {own.low:.6g};",
            f"  localparam real {own.name}_max = {own.high:.6g};",
        ]
    values = {
        "goal": _nested(tables["order"]),
        "forward": _nested(tables["forward"], FORWARD),
        "back": _nested(tables["back"], BACK),
        "g": _nested(tables["conductance"], CONDUCTANCE),
    }
    memory = MEMORY if fitted.memory_nS is None else f"{fitted.memory_nS:.9g}"
    lines += ["  real E, goal, forward, back, g, tau;", "  analog begin"]
    lines += [f"    E = V(p, n) / {fitted.length_nm:.9g};"]
    lines += [f"    {key} = {text};" for key, text in values.items()]
    lines += [
        "    tau = (abs(V(s)) < abs(goal)) ? forward : back;",
        f"    I(s) <+ {_STATE_F:g} * ddt(V(s)) - (goal - V(s)) / tau;",
        f"    I(p, n) <+ 1e-9 * V(p, n) * (g + ({memory}) * (abs(V(s)) - abs(goal)));",
        "  end",
        "endmodule",
    ]
    return "\n".join(lines) + "\n"


def as_json(fitted: Fitted, about: Sequence[str], more: dict[str, Any]) -> str:
    """Return the device as JSON: equations, tables, intervals, ranges, notes, and `more`."""

    def table(own: Table | None) -> dict[str, list[float]] | None:
        if own is None:
            return None
        return {"fields_V_per_nm": list(own.fields_V_per_nm), "values": list(own.values)}

    data = {
        "name": fitted.name,
        "about": list(about),
        "length_nm": fitted.length_nm,
        "equations": "ds/dt = (s_inf(E) - s) / tau, I = E L (g(E) + m (|s| - |s_inf(E)|))",
        "s_inf": table(fitted.order),
        "tau_ps": {way: table(own) for way, own in fitted.times.items()},
        "g_nS": table(fitted.conductance),
        "m_nS": fitted.memory_nS,
        "mirrored": fitted.mirrored,
        "intervals": fitted.intervals,
        "not_fixed": [vars(own) for own in (*fitted.whole, *fitted.partial)],
        "notes": list(fitted.notes),
        **more,
    }
    return json.dumps(plain(data), indent=1, allow_nan=False) + "\n"


def identifier(name: str) -> str:
    """Return a name that is valid in circuit simulators."""
    kept = "".join(c if c.isalnum() else "_" for c in name).strip("_").lower()
    return "januspore_" + "_".join(filter(None, kept.split("_")))


def _head(fitted: Fitted, about: Sequence[str]) -> list[str]:
    lines = [
        f"{fitted.name}: pore whose state is the order of its water, from molecular dynamics",
        "ds/dt = (s_inf(E) - s)/tau, I = V (g(E) + m (|s| - |s_inf(E)|)), E = V / L",
        f"L = {fitted.length_nm:.6g} nm; times in s, tables in ps and nS; held fields up to "
        f"{fitted.largest_V_per_nm:g} V/nm, {fitted.largest_V_per_nm * fitted.length_nm:.3g} V",
        *about,
        *fitted.notes,
    ]
    for key, (value, low, high) in fitted.intervals.items():
        lines.append(f"{key} = {value:.4g} [{low:.4g}, {high:.4g}]")
    lines += [
        f"{own.name} is not fixed: {own.low:.3g} to {own.high:.3g} ({own.why}); "
        "the tables interpolate between its neighbours, or have one time for all fields"
        for own in fitted.partial
    ]
    return lines


def _tables(fitted: Fitted) -> dict[str, Table | None]:
    found: dict[str, Table | None] = {
        "order": fitted.order,
        "forward": fitted.times["forward"],
        "back": fitted.times["back"],
        "conductance": fitted.conductance,
    }
    if not fitted.mirrored:
        return found
    signs = {"order": -1.0}
    return {key: own.mirrored(signs.get(key, 1.0)) if own else None for key, own in found.items()}


def _points(table: Table) -> list[tuple[float, float]]:
    fields, values = table.fields_V_per_nm, table.values
    return [(-_FAR, values[0]), *zip(fields, values, strict=True), (_FAR, values[-1])]


def _pwl(field: str, table: Table | None, parameter: str = "") -> str:
    """A table as a SPICE expression, constant beyond its ends; a parameter if there is no table."""
    if table is None:
        return f"{{{parameter}}}"
    points = ", ".join(f"{x:.9g}, {y:.9g}" for x, y in _points(table))
    return f"pwl({field}, {points})"


def _nested(table: Table | None, parameter: str = "") -> str:
    """A table as a Verilog-A expression of nested conditions; a parameter if there is no table."""
    if table is None:
        return parameter
    points = _points(table)[1:-1]
    text = f"{points[-1][1]:.9g}"
    for (x0, y0), (x1, y1) in reversed(list(pairwise(points))):
        piece = f"{y0:.9g} + {(y1 - y0) / (x1 - x0):.9g} * (E - ({x0:.9g}))"
        text = f"(E < {x1:.9g}) ? {piece} : ({text})"
    return f"(E < {points[0][0]:.9g}) ? {points[0][1]:.9g} : ({text})"


def _continued(line: str, width: int = 90) -> list[str]:
    """Break a SPICE line at commas; continuation lines begin with a plus."""
    lines, now = [], ""
    for part in line.replace(", ", ",\n").split("\n"):
        if now and len(now) + len(part) > width:
            lines.append(now)
            now = "+ "
        now += part
    return [*lines, now]
