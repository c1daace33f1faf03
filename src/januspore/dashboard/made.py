"""An ensemble that was chosen for comparison, and the products that it has."""

from dataclasses import dataclass
from typing import Any

from ..products import PRODUCTS

#: Products by name.
BY_NAME = {product.name: product for product in PRODUCTS}


@dataclass(frozen=True)
class Chosen:
    """A chosen ensemble: its key, its jobs by seed, and its title."""

    key: str
    jobs: list[Any]
    title: str

    def has(self, name: str) -> bool:
        """Whether a product of this ensemble exists."""
        product = BY_NAME[name]
        return product.leads(self.jobs[0]) and product.path(self.jobs[0], "json").exists()
