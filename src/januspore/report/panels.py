"""The paper's figures, panel by panel, and this data space's version of each."""

from collections.abc import Iterable
from dataclasses import dataclass

from ..products import PRODUCTS, Product
from .collect import Made

_OURS = "not in the paper"


@dataclass(frozen=True)
class Panel:
    """A panel of the paper: its label, what it shows, and the products that correspond to it."""

    label: str
    shows: str
    products: tuple[str, ...]
    mode: str = ""

    def found(self, made: list[Made]) -> list[Made]:
        """The corresponding products of this data space, in the order of `products`."""
        fitting = [m for m in made if self.mode in ("", m.protocol.get("mode"))]
        return [m for product in self.products for m in fitting if m.product == product]

    def split(self, made: list[Made]) -> tuple[list[Made], list[Made]]:
        """Split them into those of the first ensemble, and all others, which a page may fold."""
        found = self.found(made)

        of_first = [m for m in found if m.charge_sets == found[0].charge_sets]
        firsts = {m.product: id(m) for m in reversed(of_first)}.values()
        return [m for m in found if id(m) in firsts], [m for m in found if id(m) not in firsts]


_DESCRIBED = (
    Panel(
        "Fig. 1A",
        "the system: a pore in the membrane between two KCl reservoirs",
        ("system_picture",),
    ),
    Panel(
        "Figs 1B, 1C",
        "current against field, K+ and Cl- apart: NDR from +0.5 and -1.0 V/nm, "
        "less current on the way back, a pinched loop",
        ("ie_curve", "ndr"),
    ),
    Panel(
        "Table 1",
        "the barrier of Cl- in the NDR region and its parts, rising with field",
        ("barrier", "free_ion_force"),
    ),
    Panel("Fig. 2A", "the pore's waters, dipoles along the field", ("dipole_picture",)),
    Panel(
        "Figs 2B, 2C",
        "P(theta) and its width by field, forward and reverse: narrower with field "
        "and in the reverse sweep",
        ("water_order", "held_order"),
    ),
    Panel(
        "Figs 2D, 3A, 3B",
        "sigma_theta(t) after steps of field, and its time: shorter in the forward sweep",
        ("step_relaxation", "relaxation"),
    ),
    Panel("Figs 4A-4D", "I-E of other membranes: NDR and hysteresis persist", ("membranes",)),
    Panel(
        "Fig. 5A, facilitation",
        "I1/I0 from 3.1 to 1.2 with the delay, 8 ps",
        ("paired_pulse",),
        "facilitation",
    ),
    Panel(
        "Fig. 5A, depression",
        "I1/I0 from 0.2 to 0.9 with the delay, 7.5 ps",
        ("paired_pulse",),
        "depression",
    ),
    Panel(
        "Figs 5B, 5C, facilitation",
        "In/I0 saturates near 4 after 10 pulses; sigma_theta through the train",
        ("pulse_train",),
        "facilitation",
    ),
    Panel(
        "Figs 5B, 5C, depression",
        "In/I0 decays to about 0; sigma_theta through the train",
        ("pulse_train",),
        "depression",
    ),
    Panel(
        _OURS,
        "the steady current of held fields: conductance, share of the cation, rectification",
        ("steady_current",),
    ),
    Panel(
        _OURS,
        "the current that the mean force on held ions gives, beside the direct one",
        ("mean_force_current",),
    ),
    Panel(_OURS, "the ions' hydration shells and densities", ("hydration",)),
    Panel(_OURS, "the potential along x, by field and by part", ("potential",)),
    Panel(
        _OURS,
        "the bulk liquid by itself, to be compared with published numbers (docs/validation.md)",
        ("bulk_structure", "bulk_transport"),
    ),
)


def panels_of(products: Iterable[Product]) -> tuple[Panel, ...]:
    """Return the panels above, and for each product that has none a panel with its name."""
    named = {name for panel in _DESCRIBED for name in panel.products}
    others = [product.name for product in products if product.name not in named]
    return (*_DESCRIBED, *(Panel(_OURS, name.replace("_", " "), (name,)) for name in others))


PANELS = panels_of(PRODUCTS)


def label_of(made: Made) -> str:
    """Label of the panel that a product corresponds to."""
    return next((p.label for p in PANELS if made in p.found([made])), "")
