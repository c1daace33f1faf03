"""Products of an ensemble: all seeds of one charge set and protocol, combined.

A product is a module here with a function ``make(ensemble) -> Content``, or ``make(ensembles)`` if
it goes across charge sets, and a row in `PRODUCTS`;
`project.py` makes an aggregate operation of each row.
"""

from .product import Product

PRODUCTS: tuple[Product, ...] = (
    Product("system_picture", protocol="equilibrate"),
    Product("ie_curve", protocol="sine"),
    Product("ndr", protocol="sine"),
    Product("membranes", protocol="sine", across=True),
    Product("dipole_picture", protocol="sine"),
    Product("water_order", protocol="sine"),
    Product("hydration", protocol="sine"),
    Product("relaxation", protocol="staircase"),
    Product("steady_current", protocol="staircase"),
    Product("step_relaxation", protocol="steps"),
    Product("paired_pulse", protocol="paired_pulse"),
    Product("pulse_train", protocol="pulse_train"),
    Product("barrier", protocol="barrier"),
    Product("free_ion_force", protocol="staircase"),
)

__all__ = ["PRODUCTS", "Product"]
