"""Where a number comes from. No figure is shown, stored or sent without its label."""

from typing import Literal

from msgspec import Struct

Label = Literal["measured", "derived", "predicted", "assumed"]
"""measured: from Triton, NVML or the OS; derived: computed from measured ones alone; predicted:
from the block manager; assumed: a default nobody measured."""


class Figure(Struct, frozen=True):
    """A number with its origin and unit (`tokens`, `blocks`, `ms`, `bytes`, `ratio`, …)."""

    value: float
    label: Label
    unit: str = ""
