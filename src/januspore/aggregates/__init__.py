"""Products of an ensemble: all seeds of one charge set and protocol, combined.

A product is a module here with a :class:`~januspore.aggregates.product.Product` named `PRODUCT`,
and a row in `PRODUCTS`; `project.py` makes an aggregate operation of each.
"""

from .ie_curve import PRODUCT as IE_CURVE
from .product import Product
from .system_picture import PRODUCT as SYSTEM_PICTURE
from .water_order import PRODUCT as WATER_ORDER

PRODUCTS: tuple[Product, ...] = (SYSTEM_PICTURE, IE_CURVE, WATER_ORDER)
