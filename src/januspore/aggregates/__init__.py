"""Products of an ensemble: all seeds of one charge set and protocol, combined.

A product is a module here with a function ``make(ensemble) -> Content``, and a row in `PRODUCTS`;
`project.py` makes an aggregate operation of each row.
"""

from ..conditions import is_analysed, is_equilibrated
from .product import Product

PRODUCTS: tuple[Product, ...] = (
    Product("system_picture", protocol="equilibrate", ready=is_equilibrated),
    Product("ie_curve", protocol="sine", ready=is_analysed),
    Product("water_order", protocol="sine", ready=is_analysed),
)

__all__ = ["PRODUCTS", "Product"]
