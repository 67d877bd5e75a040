"""What the calls of an agent are called where there is room for a word or two."""

from collections import Counter
from collections.abc import Callable, Sequence

from charter_engine.contracts.graph import Call


def call_names(calls: Sequence[Call]) -> dict[str, str]:
    """The name of each call by its id, unlike all others of the agent.

    It is what the call's result is assigned to, else its function; with the function, then with its
    class, and at last with the line where others are called the same.
    """
    names: dict[str, str] = {}
    left = list(calls)
    for spoken in _SPOKEN:
        count = Counter(map(spoken, left))
        names |= {call.id: spoken(call) for call in left if count[spoken(call)] == 1}
        left = [call for call in left if call.id not in names]
    return names | {call.id: call.id for call in left}


def _alone(call: Call) -> str:
    if call.output:
        return call.output
    tail = call.id.rpartition(":")[2]
    return f"{_last(call.function)}()" if tail.isdigit() and call.function else tail


def _in_function(call: Call) -> str:
    return f"{_last(call.function)}.{call.output}" if call.output else _in_class(call)


def _in_class(call: Call) -> str:
    return f"{call.function}.{call.output}" if call.output else f"{call.function}()"


def _on_line(call: Call) -> str:
    return f"{_alone(call)}:{call.line}"


def _last(function: str) -> str:
    return function.rpartition(".")[2]


_SPOKEN: tuple[Callable[[Call], str], ...] = (_alone, _in_function, _in_class, _on_line)
