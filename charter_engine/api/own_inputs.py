"""A program run over the inputs that lie beside its source, as Charter's own run is."""

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from charter_engine.errors import UsageError

T = TypeVar("T")


def over_inputs(call: Callable[..., T], path: Path | str | None = None) -> Iterator[T]:
    """What `call` gives for one set of inputs after the other, each as keyword arguments.

    `path` is a JSON Lines file; None: NAME.inputs.jsonl beside the source that `call` is written
    in. Raises `UsageError` where
    there are none, or one cannot be read.
    """
    from charter_engine.executor.inputs import InputError, default_inputs_path, read_inputs

    source = Path(inspect.getfile(call))
    found = Path(path) if path is not None else default_inputs_path(source)
    if found is None:
        raise UsageError(
            f"{source}: there are no inputs beside it",
            remedy=f"write {source.stem}.inputs.jsonl, one JSON object a line",
        )
    try:
        inputs = read_inputs(found)
    except InputError as error:
        raise UsageError(f"{error.place}: {error.message}", remedy=error.remedy) from None
    return (call(**values) for values in inputs)
