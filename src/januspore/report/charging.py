"""Features of the paper's curves that the charging of the reservoirs alone could make.

A curve could be made by charging alone if the whole-cell current shows it and the pore-slab current
does not; it belongs to the pore if the pore-slab current shows it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from .collect import Made
from .panels import label_of


@dataclass(frozen=True)
class Feature:
    """A feature of a curve, and whether each current shows it beyond its interval."""

    name: str
    in_slab: bool
    in_cell: bool


def features(made: list[Made]) -> list[Feature]:
    """All features of the paper's I-E, paired-pulse and train curves in the products made."""
    return [feature for m in made for feature in _features(m)]


def _features(made: Made) -> Iterator[Feature]:
    about = f"{label_of(made)}, {made.label}"
    if made.product == "ndr":
        for side in ("E > 0", "E < 0"):
            for key, code, words in (
                ("forward", "found", "NDR"),
                ("loop", "reverse below forward", "reverse below forward"),
            ):
                shown = [
                    made.findings["codes"][f"{estimator}, {side}, {key}"] == code
                    for estimator in ("pore slab", "whole cell")
                ]
                yield Feature(f"{words} at {side} ({about})", *shown)
    elif made.product == "paired_pulse":
        shown = [code == "decays with the delay" for code in _codes(made)]
        yield Feature(f"decay with the delay ({about})", *shown)
    elif made.product == "pulse_train":
        mode = str(made.protocol["mode"])
        shown = [code == mode for code in _codes(made)]
        yield Feature(f"{mode} ({about})", *shown)


def _codes(made: Made) -> list[str]:
    return [made.findings["codes"][name] for name in ("pore slab", "whole cell")]


def sentences(made: list[Made]) -> list[str]:
    """Sentences on which features could come from charging and which belong to the pore."""
    found = features(made)
    if not found:
        return ["Nothing to compare yet: no I-E curve, paired pulse or train is made."]
    alone = [f.name for f in found if f.in_cell and not f.in_slab]
    own = [f.name for f in found if f.in_slab]
    neither = len(found) - len(alone) - len(own)
    said = []
    if alone:
        said.append(
            "Charging of the reservoirs alone could make what the whole-cell current shows and the "
            f"pore-slab current does not: {'; '.join(alone)}."
        )
    else:
        said.append("No feature is in the whole-cell current and not in the pore slab's.")
    said.append(
        f"Carried through the pore itself: {'; '.join(own)}."
        if own
        else "The pore-slab current shows none of the paper's features beyond its intervals."
    )
    if neither:
        said.append(f"{neither} of {len(found)} features are in neither current.")
    return said
