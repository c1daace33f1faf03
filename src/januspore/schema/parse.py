"""Validation whose errors are one line for the user."""

from collections.abc import Sequence
from typing import Any, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError

from ..errors import InputError
from ..protocols import AnyProtocol
from ..values import SEED_END
from .charges import CHARGE_SETS
from .point import StatePoint

_TAGS = set(CHARGE_SETS) | {kind.model_fields["name"].default for kind in get_args(AnyProtocol)}
_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}


def parse(kind: Any, data: Any, where: str = "state point") -> Any:
    """Validate `data` as `kind` (a section, `ChargeSet` or `Protocol`).

    Raises:
        InputError: one line naming the first offending key, its value and what is allowed.
    """
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    try:
        return _ADAPTERS[kind].validate_python(data)
    except ValidationError as error:
        raise InputError(_one_line(error, kind, where)) from None


def _one_line(error: ValidationError, kind: Any, where: str) -> str:
    first = error.errors()[0]
    # pydantic puts the tag of a discriminated union into the path; the user typed no such key.
    path = [str(p) for p in first["loc"] if p not in _TAGS]
    key = ".".join(path)
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        message = f"is not a key here; keys here: {', '.join(_keys(kind, first['loc'][:-1]))}"
    if first["type"].startswith("union_tag"):
        about = first["ctx"]
        given = f"{about['tag']!r} is none of" if "tag" in about else "must be one of"
        tags = about.get("expected_tags") or ", ".join(sorted(map(repr, _TAGS)))
        message = f"{about['discriminator'].strip(chr(39))} {given} {tags}"
    value = first.get("input")
    shown = "" if isinstance(value, dict | BaseModel) else f" = {_shown(value)}"
    more = len(error.errors()) - 1
    tail = f" (and {more} more)" if more else ""
    named = f"{where}: {key}{shown}: " if key else f"{where}: "
    return f"{named}{message}{tail}".replace("\n", " ")


def _shown(value: Any) -> str:
    try:
        return repr(value)[:77]
    except ValueError:  # Python refuses to print whole numbers of more than 4,300 digits
        return "a number of thousands of digits"


def _keys(kind: Any, place: Sequence[int | str]) -> list[str]:
    """Keys of the section at a place in a section, a union of sections by their tags, or a list."""
    for part in place:
        members = _members(kind)
        if part in _TAGS:
            kind = next(m for m in members if part in _tags_of(m))
        elif isinstance(part, str):
            kind = members[0].model_fields[part].annotation
    return sorted(_members(kind)[0].model_fields)


def _members(kind: Any) -> list[type[BaseModel]]:
    """The sections that a type stands for: itself, or those of a union, a list or an annotation."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [kind]
    return [member for part in get_args(kind) for member in _members(part)]


def _tags_of(member: type[BaseModel]) -> set[Any]:
    return {f.default for key, f in member.model_fields.items() if key in ("material", "name")}


def state_point(data: Any, where: str = "state point") -> StatePoint:
    """Validate a whole state point; see :func:`parse`.

    >>> charges = {"material": "MoS2", "Mo": 1.18, "S": -0.59}
    >>> point = state_point({"charge_set": charges, "protocol": {"name": "sine"}, "seed": 0})
    >>> point.protocol.cycle.frequency_GHz, point.protocol.simulated_ps()
    (0.2, 50000.0)
    """
    return parse(StatePoint, data, where)


def with_seed(point: StatePoint, seed: Any, where: str = "state point") -> StatePoint:
    """Return a state point with another, checked seed; the other keys are not validated again."""
    if type(seed) is int and 0 <= seed < SEED_END:
        return point.model_copy(update={"seed": seed})
    parts = {"charge_set": point.charge_set, "protocol": point.protocol, "seed": seed}
    return state_point(parts, where)  # raises the error that describes the seed
