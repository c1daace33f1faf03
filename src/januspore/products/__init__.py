"""Products of an ensemble: all seeds of one charge set and protocol, combined.

A product is a module here with a function ``make(ensemble) -> Content``, or ``make(ensembles)`` if
it goes across charge sets or has something beside it, and a row in `PRODUCTS`;
`project.py` makes an aggregate operation of each row.
"""

from .product import Product

PRODUCTS: tuple[Product, ...] = (
    Product("system_picture", needs="snapshots"),
    Product("ie_curve", needs="cycle"),
    Product("ndr", needs="cycle"),
    Product("membranes", needs="cycle", across=True),
    Product("dipole_picture", needs="cycle"),
    Product("water_order", needs="cycle"),
    Product("hydration", needs="cycle"),
    Product("relaxation", needs="holds"),
    Product("held_order", needs="holds"),
    Product("steady_current", needs="holds"),
    Product("step_relaxation", needs="steps"),
    Product("paired_pulse", needs="pairs"),
    Product("pulse_train", needs="train"),
    Product("barrier", needs="windows"),
    Product("free_ion_force", needs="holds"),
    Product("potential", needs=""),
    Product("bulk_structure", needs="bulk"),
    Product("bulk_transport", needs="bulk"),
    Product("mean_force_current", needs="windows", beside="holds"),
)

__all__ = ["PRODUCTS", "Product"]
