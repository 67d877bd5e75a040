"""What callers of the public functions may give in several forms, in the one form requests take."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from charter_engine.api.results import Result
from charter_engine.api.times import latency_of
from charter_engine.contracts.deploy import Profile
from charter_engine.contracts.latency import LatencyModel
from charter_engine.contracts.learning import CalibrateResult
from charter_engine.errors import UsageError
from charter_engine.executor.inputs import InputError, Inputs, read_inputs

PathLike = str | Path
GivenInputs = Mapping[str, Any] | Sequence[Mapping[str, Any]] | PathLike
"""Values by the names of what the agent's prompts need: of one item, of several, or the JSON Lines
file that holds them."""
GivenLatency = LatencyModel | Result[CalibrateResult] | PathLike
"""A latency model: by itself, as `calibrate` gave it, or the file of what it printed."""
GivenProfile = Profile | Result[Profile]
"""What a deployment can do, by itself or as `profile` gave it."""
Sweep = Mapping[str, Sequence[int | float | bool | str]]
"""Settings by name, each with the values to compare."""
S = TypeVar("S", bound=msgspec.Struct)


def inputs_of(given: GivenInputs) -> tuple[Inputs, ...]:
    """The inputs, an item each. Raises `UsageError` for a file that holds none."""
    if isinstance(given, Mapping):
        return (given,)
    if not isinstance(given, str | Path):
        return tuple(given)
    try:
        return read_inputs(Path(given))
    except InputError as error:
        raise UsageError(f"{error.place}: {error.message}", remedy=error.remedy) from None


def latency_from(given: GivenLatency | None, model: str, device: str) -> LatencyModel | None:
    """The latency model; None where none is given. Raises `UsageError`."""
    if given is None or isinstance(given, LatencyModel):
        return given
    if isinstance(given, Result):
        return given.record.calibration.model
    return latency_of(model, device, str(given))


def profile_from(given: GivenProfile | None) -> Profile | None:
    """The profile; None where none is given."""
    return given.record if isinstance(given, Result) else given


def text_of(path: PathLike | None) -> str:
    """A path as requests have it: empty where none is given."""
    return "" if path is None else str(path)


def combinations(sweep: Sweep | None) -> Iterator[dict[str, Any]]:
    """Every combination of the values; one that changes nothing where there are none."""
    choices = sweep or {}
    for values in product(*choices.values()):
        yield dict(zip(choices, values, strict=True))


def checked(request: S) -> S:
    """The request, its values of the types it names. Raises `UsageError` naming the field."""
    try:
        return msgspec.convert(msgspec.to_builtins(request), type(request))
    except msgspec.ValidationError as error:
        raise UsageError(str(error), remedy=f"see {type(request).__name__}") from None
