"""Charge sets: a material and the charges of its elements, neutral in each formula unit.

There is one class for each material of `materials.toml`, with a key for each of its elements.
"""

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, create_model, model_validator

from ..materials import MATERIALS, NO_MEMBRANE
from ..values import Charge, Section


class BaseChargeSet(Section):
    """Charges in e of a monolayer, by element; `material` says which monolayer."""

    material: str

    @property
    def charges(self) -> dict[str, float]:
        """Charge of each element, e, the metal first."""
        return {name: getattr(self, name) for name in MATERIALS[self.material].elements}

    @model_validator(mode="after")
    def _neutral(self) -> "BaseChargeSet":
        terms = self.charges
        total = sum(terms[name] for name in MATERIALS[self.material].formula_unit)
        if abs(total) > 1e-6:
            raise ValueError(
                f"one formula unit must sum to 0 e within 1e-6, got {total:+.6g} e "
                f"({' '.join(f'{k}={v:+g}' for k, v in terms.items())})"
            )
        return self


class NoMembrane(BaseChargeSet):
    """No membrane, so no charges: what a bulk liquid has in place of a charge set."""

    material: Literal["none"] = "none"

    @property
    def charges(self) -> dict[str, float]:
        """None."""
        return {}

    @model_validator(mode="after")
    def _neutral(self) -> "NoMembrane":
        return self


def _class_of(material: str) -> type[BaseChargeSet]:
    keys = dict.fromkeys(MATERIALS[material].elements, (Charge, ...))
    name = (Literal[material], material)
    return create_model(material, __base__=BaseChargeSet, material=name, **keys)  # type: ignore[call-overload]


#: The class of each material's charge sets, by its name.
CHARGE_SETS: dict[str, type[BaseChargeSet]] = {
    **{material: _class_of(material) for material in MATERIALS},
    NO_MEMBRANE: NoMembrane,
}

if TYPE_CHECKING:
    ChargeSet = BaseChargeSet
else:
    #: Any of them; for validation, the key `material` says which it is.
    ChargeSet = Annotated[reduce(or_, CHARGE_SETS.values()), Field(discriminator="material")]


def material_of(elements: set[str]) -> str:
    """Return the material whose elements are these, or differ least from these."""
    return min(MATERIALS, key=lambda name: len(elements ^ set(MATERIALS[name].elements)))
