"""The page that compares ensembles, chosen by state point, in one figure and one table.

Membranes, pores and protocols are all compared in the same way, as each is an ensemble.
"""

import hashlib
from typing import Any

from ..errors import InputError
from .compare_figure import MOST, drawn, quantities_of, quantity_of
from .compare_table import table
from .listing import Listing
from .made import Chosen


def key_of(ensemble: str) -> str:
    """Return a short key of an ensemble for the page's address."""
    return hashlib.sha256(ensemble.encode()).hexdigest()[:10]


def page(listing: Listing, question: str, keys: list[str], show: str) -> dict[str, Any]:
    """Return the variables of the page's template.

    Args:
        listing: the data space's jobs.
        question: a search that selects the ensembles to offer; "" for all.
        keys: keys of the chosen ensembles, see `key_of`.
        show: name of a quantity; "" for the first one that most of the ensembles have.

    Raises:
        InputError: the search is not valid, or an ensemble or the quantity does not exist.
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
        raise InputError(f"{len(set(keys))} ensembles: at most {MOST} can be compared at a time")
    every = {key_of(text): jobs for text, jobs in listing.ensembles(listing.jobs()).items()}
    unknown = [key for key in keys if key not in every]
    if unknown:
        raise InputError(f"ensemble {unknown[0]!r}: not in this data space")
    return [
        Chosen(key, every[key], listing.kind(every[key][0]).title) for key in dict.fromkeys(keys)
    ]


def figure(listing: Listing, keys: list[str], show: str) -> bytes:
    """Return the figure of a quantity of several ensembles, as PNG.

    Raises:
        InputError: an ensemble or the quantity does not exist.
    """
    chosen = _chosen(listing, keys)
    return drawn(quantity_of(show, chosen), chosen)
