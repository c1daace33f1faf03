"""Studies: TOML files that name charge sets, protocols and seeds, expanded to state points."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..protocols import capabilities_of
from ..schema import (
    BaseChargeSet,
    ChargeSet,
    NoMembrane,
    StatePoint,
    material_of,
    parse,
    state_point,
    with_seed,
)
from ..values import SEED_END, SEED_WIDTH

#: Sections of a protocol that a study may give once, for all its protocols.
_SHARED = ("cell", "force_field", "dynamics", "recording", "equilibration")
_KEYS = {"description", "seeds", "charge_sets", "protocols", *_SHARED}


@dataclass(frozen=True)
class Study:
    """A sweep: each protocol with its seeds of each charge set.

    `seeds` has for each protocol one tuple for each charge set; it is empty for a charge set that
    the protocol does not run.
    """

    name: str
    description: str
    charge_sets: tuple[BaseChargeSet, ...]
    protocols: tuple[dict[str, Any], ...]
    seeds: tuple[tuple[tuple[int, ...], ...], ...]
    #: The charge sets' names, "" for one without.
    names: tuple[str, ...] = ()

    def state_points(
        self,
        charges: list[BaseChargeSet] | None = None,
        protocols: list[str] | None = None,
        seeds: tuple[int, ...] | None = None,
        first: int = 0,
    ) -> list[StatePoint]:
        """Return the state points; arguments that are given replace the study's own values.

        `first` is added to the study's own seeds: the same study once more, with other seeds.

        A charge set that the study does not have gets the protocols and seeds of its first one.

        Raises:
            InputError: a protocol name is not in the study, or a state point is not valid.
        """
        names = [p.get("name") for p in self.protocols]
        for name in protocols or []:
            if name not in names:
                raise InputError(
                    f"protocol = {name!r}: study {self.name!r} has {', '.join(map(str, names))}"
                )
        points = []
        for number, (protocol, own) in enumerate(zip(self.protocols, self.seeds, strict=True), 1):
            if protocols and protocol.get("name") not in protocols:
                continue
            where = f"study {self.name}: {_block(number, protocol)}"
            by_set = dict(zip(self.charge_sets, own, strict=True))
            sets: list[BaseChargeSet] = charges or list(self.charge_sets)
            if _is_bulk(protocol):
                # Without a membrane it is the same under every charge set, so it runs once.
                sets, by_set = [NoMembrane()], {NoMembrane(): next(filter(None, own), ())}
            for charge_set in sets:
                usual = by_set.get(charge_set, own[0])
                wanted = seeds if seeds and usual else tuple(seed + first for seed in usual)
                points += _with_seeds(charge_set, protocol, wanted, where)
        return points


def _is_bulk(protocol: dict[str, Any]) -> bool:
    return "bulk" in capabilities_of(str(protocol.get("name")))


def _block(number: int, protocol: dict[str, Any]) -> str:
    """Name a [[protocols]] block of a study, counted from 1."""
    return f"[[protocols]] {number} ({protocol.get('name', 'no name')})"


def _with_seeds(
    charge_set: BaseChargeSet, protocol: dict[str, Any], seeds: tuple[int, ...], where: str
) -> list[StatePoint]:
    if not seeds:
        return []
    first = {"charge_set": charge_set, "protocol": protocol, "seed": seeds[0]}
    point = state_point(first, where)
    return [with_seed(point, seed, where) for seed in seeds]


def load_study(name: str, folder: Path = Path("studies")) -> Study:
    """Load a study by name, from `folder`, or by the path of a TOML file.

    Raises:
        InputError: there is no such study, or a key of it is not usable.
    """
    path = Path(name) if name.endswith(".toml") else folder / f"{name}.toml"
    if (not name.endswith(".toml") and path.parent != folder) or not path.is_file():
        known = ", ".join(sorted(p.stem for p in folder.glob("*.toml")))
        raise InputError(f"study = {name!r}: no file {path}; studies here: {known}")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # of TOML, of UTF-8, or of a number too long
        raise InputError(f"{path}: not valid TOML: {error}") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    return _study(path, table)


def _study(path: Path, table: dict[str, Any]) -> Study:
    for key in table.keys() - _KEYS:
        raise InputError(f"{path}: {key} is not a key here; allowed: {', '.join(sorted(_KEYS))}")
    for key in _SHARED:
        if not isinstance(table.get(key, {}), dict):
            raise InputError(f"{path}: {key} = {table[key]!r}: must be a table, [{key}]")
    if not isinstance(table.get("description", ""), str):
        raise InputError(f"{path}: description = {table['description']!r}: must be text")
    sets = [dict(one) for one in _tables(path, table, "charge_sets")]
    names = _names(path, sets)
    default = table.get("seeds", "0:1")
    protocols, seeds = [], []
    for number, protocol in enumerate(_tables(path, table, "protocols"), 1):
        own = protocol.get("seeds", default)
        block = f"{_block(number, protocol)}: " if "seeds" in protocol else ""
        seeds.append(_seeds_by_set(own, names, f"{path}: {block}seeds"))
        protocols.append(_with_shared(protocol, table))
    return Study(
        name=path.stem,
        description=str(table.get("description", "")),
        charge_sets=tuple(
            charge_set(one, f"{path}: [[charge_sets]] {n}") for n, one in enumerate(sets, 1)
        ),
        protocols=tuple(protocols),
        seeds=tuple(seeds),
        names=tuple(name or "" for name in names),
    )


def _names(path: Path, sets: list[dict[str, Any]]) -> list[str | None]:
    """Return the names of the charge sets, which only the study uses; None: it has no name."""
    names = [one.pop("name", None) for one in sets]
    given = [name for name in names if name is not None]
    for name in given:
        if not isinstance(name, str) or given.count(name) > 1:
            raise InputError(f"{path}: charge_sets.name = {name!r}: must be text, each name once")
    return names


def _seeds_by_set(value: Any, names: list[str | None], where: str) -> tuple[tuple[int, ...], ...]:
    """Seeds of each charge set: the same for all, or a table by name without the others."""
    if not isinstance(value, dict):
        return (parse_seeds(value, where),) * len(names)
    if not value:
        raise InputError(f"{where} = {{}}: names no charge set")
    for name in value:
        if name not in names:
            known = ", ".join(name for name in names if name) or "none has a name"
            raise InputError(f"{where}.{name}: no charge set has this name; names here: {known}")
    return tuple(
        parse_seeds(value[name], f"{where}.{name}") if name in value else () for name in names
    )


def _with_shared(protocol: dict[str, Any], table: dict[str, Any]) -> dict[str, Any]:
    """Return a protocol without its seeds, with the sections that the study gives once."""
    merged = {key: value for key, value in protocol.items() if key != "seeds"}
    for key in _SHARED:
        if key not in table or key in _foreign(merged):
            continue
        own = merged.get(key, {})
        if isinstance(own, dict):  # the schema refuses them there
            merged[key] = {**table[key], **own}
    return merged


def _foreign(protocol: dict[str, Any]) -> set[str]:
    """Shared sections that a protocol does not have, or that mean another thing in it."""
    if _is_bulk(protocol):
        return {"cell", "equilibration"}
    return {"equilibration"} if protocol.get("name") == "equilibrate" else set()


def _tables(path: Path, table: dict[str, Any], key: str) -> list[dict[str, Any]]:
    value = table.get(key)
    if not isinstance(value, list) or not value or not all(isinstance(v, dict) for v in value):
        raise InputError(f"{path}: {key} must be one or more [[{key}]] tables")
    return value


def charge_set(data: dict[str, Any], where: str) -> BaseChargeSet:
    """Validate a charge set; without a material, it follows from the elements."""
    data = dict(data)
    data.setdefault("material", material_of(set(data)))
    return parse(ChargeSet, data, where)


def parse_charges(text: str) -> BaseChargeSet:
    """Read a charge set as typed: "Mo=1.06,S=-0.66,Se=-0.40".

    Raises:
        InputError: a part is not ELEMENT=NUMBER, or the set is not usable.
    """
    charges: dict[str, Any] = {}
    for part in text.split(","):
        key, equals, value = part.partition("=")
        try:
            number = float(value)
        except ValueError:
            number = None
        if not equals or number is None or key.strip() in charges:
            raise InputError(f"--charges: {part!r} must be ELEMENT=NUMBER, each element once")
        charges[key.strip()] = number
    return charge_set(charges, "--charges")


def parse_seeds(value: Any, where: str = "--seeds") -> tuple[int, ...]:
    """Read seeds: "0:10" (10 excluded), "0,3,7", a list of whole numbers, or one.

    Raises:
        InputError: it has none of these forms, no seed, or two that are equal to an engine.

    >>> parse_seeds("0:3,7")
    (0, 1, 2, 7)
    """
    try:
        if isinstance(value, str):
            seeds: list[int] = []
            for part in value.split(","):
                first, colon, last = part.partition(":")
                more = range(int(first), int(last)) if colon else [int(first)]
                if len(more) > SEED_WIDTH:
                    raise ValueError
                seeds += more
        elif isinstance(value, bool):
            raise ValueError
        else:
            items = value if isinstance(value, list) else [value]
            if not all(isinstance(v, int) and not isinstance(v, bool) for v in items):
                raise ValueError
            seeds = list(items)
    except ValueError:
        seeds = []
    if not seeds or min(seeds) < 0 or max(seeds) >= SEED_END:
        raise InputError(f"{where} = {value!r}: must be like 0:10, 0,3,7 or [0, 3], from 0 to 2^31")
    check_seeds(seeds, where)
    return tuple(seeds)


def check_seeds(seeds: list[int], where: str) -> None:
    """Refuse seeds that are equal to an engine that uses only 16 bits of them.

    Raises:
        InputError: two seeds are equal modulo 65536.
    """
    seen: dict[int, int] = {}
    for seed in seeds:
        other = seen.get(seed % SEED_WIDTH)
        if other is not None:
            raise InputError(
                f"{where}: seeds {other} and {seed} are the same seed to an engine that keeps "
                f"16 bits; seeds of one sweep must differ modulo {SEED_WIDTH}"
            )
        seen[seed % SEED_WIDTH] = seed
