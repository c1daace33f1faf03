"""Ensembles side by side, chosen by state point: one figure and one table of all that is known.

Membranes, pores and protocols are compared alike: each is an ensemble.
"""

import hashlib
from typing import Any

from ..errors import InputError
from .compare_figure import MOST, drawn, quantities_of, quantity_of
from .compare_table import table
from .listing import Listing
from .made import Chosen


def key_of(ensemble: str) -> str:
    """Short name of an ensemble, for an address."""
    return hashlib.sha256(ensemble.encode()).hexdigest()[:10]


def page(listing: Listing, question: str, keys: list[str], show: str) -> dict[str, Any]:
    """Return what the page's template needs.

    Args:
        listing: the data space's jobs.
        question: which ensembles to offer, as a search; "" for all.
        keys: those that were chosen, see `key_of`.
        show: a quantity's name; "" for the first that all of them have.

    Raises:
        InputError: it is no question, or an ensemble or a quantity that is not here.
    """
    offered = [
        Chosen(key_of(ensemble), jobs, listing.kind(jobs[0]).title)
        for ensemble, jobs in listing.ensembles(listing.search(question)).items()
    ]
    chosen = _chosen(listing, keys)
    quantity = quantity_of(show, chosen)
    return {
        "offered": offered,
        "chosen": chosen,
        "question": question,
        "quantities": quantities_of(chosen),
        "show": quantity.name if quantity else "",
        "table": table(chosen) if chosen else None,
        "most": MOST,
    }


def _chosen(listing: Listing, keys: list[str]) -> list[Chosen]:
    if len(set(keys)) > MOST:
        raise InputError(f"{len(set(keys))} ensembles: at most {MOST} can be told apart")
    every = {key_of(text): jobs for text, jobs in listing.ensembles(listing.jobs()).items()}
    unknown = [key for key in keys if key not in every]
    if unknown:
        raise InputError(f"ensemble {unknown[0]!r}: is not in this data space")
    return [
        Chosen(key, every[key], listing.kind(every[key][0]).title) for key in dict.fromkeys(keys)
    ]


def figure(listing: Listing, keys: list[str], show: str) -> bytes:
    """Return the figure of a quantity of several ensembles, as PNG.

    Raises:
        InputError: an ensemble or a quantity is not here.
    """
    chosen = _chosen(listing, keys)
    return drawn(quantity_of(show, chosen), chosen)
