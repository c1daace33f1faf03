"""A sweep: any number of any product against any key of the state point, from what is made.

The points are the products of the data space, one an ensemble, and the means over seeds of what
stands in the jobs' summaries, such as temperatures. They must differ in the key that is
swept alone: where they differ in others, the sweep says in which and asks for a filter. A product
without the row that is asked for is left out.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import signac

from ..errors import InputError
from . import PRODUCTS
from .sweep_points import END, JOBS, Made, made


@dataclass(frozen=True)
class Asked:
    """What a user asks for.

    Attributes:
        quantities: names of findings or of columns of tables; "conductance" stands for
            "total conductance_nS".
        over: key of the state point along the sweep, such as "protocol.cell.pore_diameter_nm".
        by: key whose values are curves of their own, "" for one curve.
        allowed: keys that may differ, too.
        product: name of the product, "" for whichever has the quantity.
        where: values by key of the state point, or by column of a table.
    """

    quantities: tuple[str, ...]
    over: str
    by: str = ""
    allowed: tuple[str, ...] = ()
    product: str = ""
    where: Mapping[str, Any] = field(default_factory=dict)

    @property
    def state(self) -> dict[str, Any]:
        """The filter's keys of the state point."""
        return {key: value for key, value in self.where.items() if _is_key(key)}

    @property
    def rows(self) -> dict[str, Any]:
        """The filter's columns of a table."""
        return {key: value for key, value in self.where.items() if not _is_key(key)}

    @property
    def name(self) -> str:
        """Name of its files, by what was asked for."""
        text = "_".join([*self.quantities, "over", self.over.rpartition(".")[2]])
        plain = "".join(c if c.isalnum() or c in "-." else "_" for c in text)
        rest = [self.over, self.by, self.allowed, self.product, sorted(self.where.items())]
        return f"{plain}_{hashlib.sha256(json.dumps(rest).encode()).hexdigest()[:6]}"


def sweep(project: signac.Project, asked: Asked) -> tuple[pd.DataFrame, list[Made]]:
    """Return a sweep's table, and the products that it is made of.

    Returns:
        One row for each quantity and product: `quantity`, the keys (swept, `by` and allowed),
        `value`, `low`, `high`, `product`, `seeds` and `ensemble`; sorted by the swept key.

    Raises:
        InputError: there is no such quantity, key or value; points differ in other keys; or there
            are fewer than two.
    """
    every = list(made(project, asked.product))
    chosen = [one for one in every if _matches(one.state, asked.state)]
    if every and not chosen:
        raise InputError(f"sweep: no product matches {_words(asked.state)}")
    rows, used = [], {}
    for quantity in asked.quantities:
        product, read = resolve(quantity, chosen)
        points = [one for one in chosen if one.product == product and _has(one, read)]
        points = [one for one in points if not read.column or len(_rows(one, asked))] or points
        _check_keys(points, asked)
        numbers = [_number(read, one, asked) for one in points]
        _check_count(project, product, points, asked)
        for one, number in zip(points, numbers, strict=True):
            used[one.product, one.ensemble] = one
            rows.append(_row(quantity if read.column else read.name, one, number, asked))
    table = pd.DataFrame(rows)
    order = ["quantity", *([asked.by] if asked.by else []), asked.over]
    table = table.sort_values(order, ignore_index=True, kind="stable", key=_sortable)
    return table, list(used.values())


def _sortable(column: pd.Series) -> pd.Series:
    """A column as it sorts: names, lists and keys that are missing as text."""
    return column if pd.api.types.is_numeric_dtype(column) else column.map(str)


# --- which number --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reading:
    """Where a quantity stands: a finding's name, or a table's column."""

    name: str
    column: bool = False


def _has(one: Made, read: Reading) -> bool:
    """Whether a finding is there: a product may tell one only where it makes sense."""
    return read.column or _triple(one.findings.get(read.name)) is not None


def resolve(quantity: str, made: Sequence[Made]) -> tuple[str, Reading]:
    """Find the product that has a quantity, and where it stands there.

    A finding's whole name comes first, then a table's column, then a name without its unit or with
    "total " before it.

    Raises:
        InputError: none has it, or several have.
    """
    findings = {(m.product, name) for m in made for name in _numbers(m.findings)}
    firsts = {m.product: m for m in reversed(made)}
    columns = {(product, name) for product, m in firsts.items() for name in _columns(m.table)}
    short = {(p, n) for p, n in findings if n.startswith((f"{quantity}_", f"total {quantity}"))}
    tries = (
        ({pair for pair in findings if pair[1] == quantity}, False),
        ({pair for pair in columns if pair[1] == quantity}, True),
        (short, False),
    )
    for found, column in tries:
        if len(found) == 1:
            ((product, name),) = found
            return product, Reading(name, column)
        if found:
            shown = ", ".join(f"{name} of {product}" for product, name in sorted(found))
            raise InputError(f"sweep: {quantity!r} may be {shown}; say which, or --product NAME")
    known = sorted({name for _, name in findings | columns}) or ["none: no product is made yet"]
    raise InputError(f"sweep: no product has {quantity!r}; quantities here: {', '.join(known)}")


def _numbers(findings: Mapping[str, Any]) -> list[str]:
    return [name for name, value in findings.items() if _triple(value) is not None]


def _triple(value: Any) -> tuple[float, float, float] | None:
    """A finding as a number with its interval; None if it is neither."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return float(value), float("nan"), float("nan")
    if not isinstance(value, list) or len(value) != 3 or value[0] is None:
        return None
    if not all(v is None or isinstance(v, int | float) for v in value):
        return None
    middle, low, high = (float("nan") if v is None else float(v) for v in value)
    return middle, low, high


def _columns(table: pd.DataFrame) -> list[str]:
    numeric = table.select_dtypes("number").columns
    return [name for name in numeric if not END.search(name) and "." not in name]


def _number(read: Reading, made: Made, asked: Asked) -> tuple[float, float, float]:
    if not read.column:
        for key in asked.rows:
            raise InputError(
                f"sweep: {key}: {read.name} is one number of each {made.product}, without rows to "
                "choose from; a key of the state point begins with protocol. or charge_set."
            )
        found = _triple(made.findings.get(read.name))
        return found or (float("nan"),) * 3
    table = _rows(made, asked)
    if len(table) != 1:
        raise InputError(_rows_differ(read, made, table, asked))
    row = {str(key): value for key, value in table.iloc[0].items()}
    low, high = (float(row[end]) if end in row else float("nan") for end in _ends(read.name, row))
    return float(row[read.name]), low, high


def _rows(made: Made, asked: Asked) -> pd.DataFrame:
    """The rows that are asked for; a staircase of other fields has none, and is left out."""
    table = made.table
    for key, value in asked.rows.items():
        if key not in table:
            raise InputError(f"sweep: {key}: {made.product} has no such column")
        table = table[_equal(table[key], value)]
    return table


def _ends(name: str, columns: Iterable[str]) -> tuple[str, str]:
    """Columns with the interval of a column: "I0_nA_low", "low_nA", or "low" right after it."""
    names = list(columns)
    unit = name.rpartition("_")[2]
    after = names[names.index(name) + 1 :][:1]
    tries = [(f"{name}_low", f"{name}_high"), (f"low_{unit}", f"high_{unit}")]
    tries += [("low", "high")] if after == ["low"] else []
    return next((ends for ends in tries if ends[0] in names), ("", ""))


def _rows_differ(read: Reading, made: Made, table: pd.DataFrame, asked: Asked) -> str:
    if table.empty:
        return f"sweep: no row of {made.product} in {made.ensemble} has {_words(asked.rows)}"
    told = []
    for name in table.columns:
        values = table[name].unique()
        if name != read.name and 1 < len(values) <= 12:
            told.append(f"{name} ({', '.join(_short(v) for v in values)})")
    rows = f"sweep: {read.name} has {len(table)} rows in each {made.product}"
    return f"{rows}; choose one by COLUMN=VALUE of {'; '.join(told) or 'its columns'}"


# --- which points --------------------------------------------------------------------------------


def _is_key(name: str) -> bool:
    return name.startswith(("protocol.", "charge_set."))


def _matches(state: Mapping[str, Any], where: Mapping[str, Any]) -> bool:
    return all(_same(state.get(key), value) for key, value in where.items())


def _same(own: Any, value: Any) -> bool:
    if isinstance(own, int | float) and isinstance(value, int | float):
        return bool(np.isclose(own, value, rtol=1e-9, atol=1e-12))
    return bool(own == value)


def _equal(column: pd.Series, value: Any) -> pd.Series:
    if pd.api.types.is_numeric_dtype(column) and isinstance(value, int | float):
        # Fields and voltages are means over rows: the last digits are the sums' own.
        return pd.Series(np.isclose(column, value, rtol=1e-6, atol=1e-9), index=column.index)
    return column == value


def _check_keys(points: Sequence[Made], asked: Asked) -> None:
    """Refuse a key that no point has, and points that differ in other keys than are asked for."""
    keys = {key: [m.state.get(key) for m in points] for m in points for key in m.state}
    differ = {key: own for key, own in keys.items() if len({json.dumps(v) for v in own}) > 1}
    options = [("--over", asked.over), ("--by", asked.by)]
    for option, key in [*options, *(("--allow", key) for key in asked.allowed)]:
        if key and key not in keys:
            varies = ", ".join(differ) or "none"
            raise InputError(f"{option} = {key}: no such key here; keys that vary: {varies}")
    left = {k: v for k, v in differ.items() if k not in (asked.over, asked.by, *asked.allowed)}
    # Protocols of two names differ in nearly everything: that is enough to say.
    left = {k: v for k, v in left.items() if k == "protocol.name"} or left
    if left:
        told = "; ".join(f"{key} ({_values(own)})" for key, own in left.items())
        key, own = next(iter(left.items()))
        raise InputError(
            f"sweep: these differ in more than {asked.over}: {told}; choose, such as "
            f"{key}={_short(own[0])}, or --allow {key}"
        )


def _check_count(
    project: signac.Project, product: str, points: Sequence[Made], asked: Asked
) -> None:
    values = {json.dumps(m.state.get(asked.over)) for m in points}
    if len(values) > 1:
        return
    have = f"{asked.over} = {_short(points[0].state.get(asked.over))} alone"
    waiting = 0 if product == JOBS else _not_made(project, product)
    if waiting:
        more = f"python project.py run makes {waiting} of the jobs that are here"
    else:
        key = asked.over.removeprefix("protocol.")
        more = (
            f"a study with other values of {key} makes more: python init.py --study FILE.toml, "
            "then python project.py run"
        )
    raise InputError(f"sweep: {product} has {have}, and a sweep needs two points; {more}")


def _not_made(project: signac.Project, name: str) -> int:
    """How many ensembles have jobs here and no product of all of them."""
    product = next(product for product in PRODUCTS if product.name == name)
    return sum(not product.is_made(*jobs) for jobs in product.groups(project))


def _row(
    quantity: str, made: Made, number: tuple[float, float, float], asked: Asked
) -> dict[str, Any]:
    keys = [asked.over, *([asked.by] if asked.by else []), *asked.allowed]
    value, low, high = number
    return {
        "quantity": quantity,
        **{key: _cell(made.state.get(key)) for key in keys},
        "value": value,
        "low": low,
        "high": high,
        "product": made.product,
        "seeds": made.seeds,
        "ensemble": made.ensemble,
    }


def _cell(value: Any) -> Any:
    """A value of a state point as a table and a figure take it: a list in words."""
    return ", ".join(map(_short, value)) if isinstance(value, list) else value


def _values(own: Sequence[Any]) -> str:
    seen = {json.dumps(value): value for value in own}
    return ", ".join(_short(value) for value in list(seen.values())[:6])


def _words(where: Mapping[str, Any]) -> str:
    return " ".join(f"{key}={_short(value)}" for key, value in where.items()) or "no filter"


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
