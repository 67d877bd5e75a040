"""What calls are called: by the names that came with their agent, else by what their ids tell."""

from collections.abc import Callable, Iterable, Mapping

from charter_engine.contracts.graph import Call

Naming = Callable[[str], str]
"""The name of the call with an id."""


def split_id(node: str) -> tuple[str, str]:
    """`Class.function:output` in its two parts; the first is empty where there is none."""
    function, colon, output = node.rpartition(":")
    return (function, output) if colon else ("", node)


def name_by_id(node: str) -> str:
    """What a call of another agent, or of an earlier state of it, is called: what its result is
    assigned to, else its function with the line."""
    function, output = split_id(node)
    if output.isdigit() and function:
        return f"{function.rpartition('.')[2]}:{output}"
    return output


def names_of(calls: Iterable[Call]) -> Mapping[str, str]:
    """The names of calls by their ids."""
    return {call.id: call.name or name_by_id(call.id) for call in calls}
