"""Charge sets: a material and its charges, neutral by formula unit."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ..values import Charge, Section


class MoSSe(Section):
    """Charges in e of a Janus MoSSe monolayer; S faces +x, Se faces -x."""

    material: Literal["MoSSe"] = "MoSSe"
    Mo: Charge
    S: Charge
    Se: Charge

    @model_validator(mode="after")
    def _neutral(self) -> "MoSSe":
        _check_neutral(Mo=self.Mo, S=self.S, Se=self.Se)
        return self


class MoS2(Section):
    """Charges in e of a MoS2 monolayer."""

    material: Literal["MoS2"] = "MoS2"
    Mo: Charge
    S: Charge

    @model_validator(mode="after")
    def _neutral(self) -> "MoS2":
        _check_neutral(Mo=self.Mo, S=2 * self.S)
        return self


def _check_neutral(**terms: float) -> None:
    total = sum(terms.values())
    if abs(total) > 1e-6:
        raise ValueError(
            f"one formula unit must sum to 0 e within 1e-6, got {total:+.6g} e "
            f"({' '.join(f'{k}={v:+g}' for k, v in terms.items())})"
        )


ChargeSet = Annotated[MoSSe | MoS2, Field(discriminator="material")]
