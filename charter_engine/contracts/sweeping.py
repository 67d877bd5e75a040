"""One setting of a plan, over several values."""

from msgspec import Struct

from charter_engine.contracts.prediction import Prediction


class SweptValue(Struct, frozen=True, kw_only=True):
    """A value, as it is typed, with what is predicted of a run under it. `drafted` is the one that
    the plan has now."""

    value: str
    predicted: Prediction
    drafted: bool = False


class SettingSweep(Struct, frozen=True, kw_only=True):
    """A run of the agent's inputs under each value of the setting `key`, all else as drafted."""

    key: str
    values: tuple[SweptValue, ...]
