"""What is told of a function, found out once and kept with it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar, cast

from charter_engine.parser.source.symbols import FunctionDefinition

Found = TypeVar("Found")


def told_once(tell: Callable[[FunctionDefinition], Found]) -> Callable[[FunctionDefinition], Found]:
    """The same as `tell`, which looks through each function only once."""

    @wraps(tell)
    def told(definition: FunctionDefinition) -> Found:
        if tell not in definition.told:
            definition.told[tell] = tell(definition)
        return cast(Found, definition.told[tell])

    return told
