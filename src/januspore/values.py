"""What a single value in a state point may be; floats are rounded on entry."""

import math
from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)

#: Largest field. Beyond it real water breaks down and ions heat faster than the thermostat cools.
MAX_FIELD_V_PER_NM = 5.0
#: HOOMD-blue uses 16 bits of a seed: two seeds that are equal modulo this number are the same.
SEED_WIDTH = 1 << 16
#: Every seed is below this number.
SEED_END = 1 << 31
#: Decimals kept of every float in a state point.
DECIMALS = 9


def _rounded(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError("must be a finite number")
    return round(value, DECIMALS) + 0.0  # turns -0.0 into 0.0: both are one state point


def _no_truth_value(value: Any) -> Any:
    if isinstance(value, bool):  # a bool is an int in Python, so pydantic would accept it
        raise ValueError("must be a number")
    return value


# Rounding comes before the bounds: otherwise 1e-12 would pass "above 0" and then become 0.
Real = Annotated[float, BeforeValidator(_no_truth_value), AfterValidator(_rounded)]
Whole = Annotated[int, BeforeValidator(_no_truth_value)]
Positive = Annotated[Real, Field(gt=0, le=1e7)]
Length = Annotated[Real, Field(gt=0, le=100)]
Charge = Annotated[Real, Field(ge=-4, le=4)]
FieldValue = Annotated[Real, Field(ge=-MAX_FIELD_V_PER_NM, le=MAX_FIELD_V_PER_NM)]
Amplitude = Annotated[Real, Field(gt=0, le=MAX_FIELD_V_PER_NM)]
Duration = Annotated[Real, Field(gt=0, le=1e7)]


class Section(BaseModel):
    """A part of the state point: unknown keys are refused, values never change.

    Attributes:
        LATER: optional keys that were added after jobs had been made. Such a key is left out of the
            stored state point while it has its default, so that the ids of older jobs stay.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)
    LATER: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _as_kept(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        data: dict[str, Any] = handler(self)
        fields = type(self).model_fields
        for key in self.LATER:
            if data[key] == fields[key].default:
                del data[key]
        return data
