"""What is told of a function or a module, found out once and kept with it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar, cast

from charter_engine.parser.source.symbols import FunctionDefinition, Module

Scope = TypeVar("Scope", bound=FunctionDefinition | Module)
Found = TypeVar("Found")


def told_once(tell: Callable[[Scope], Found]) -> Callable[[Scope], Found]:
    """The same as `tell`, which looks through each function or module only once."""

    @wraps(tell)
    def told(scope: Scope) -> Found:
        if tell not in scope.told:
            scope.told[tell] = tell(scope)
        return cast(Found, scope.told[tell])

    return told
