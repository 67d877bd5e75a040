"""Calls that run side by side: by which function, and how far down that holds."""

from __future__ import annotations

import ast
from collections.abc import Collection
from functools import lru_cache

from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.model_calls.recognise import words_of
from charter_engine.parser.source.called_names import calls_named, names_called
from charter_engine.parser.source.symbols import FunctionDefinition, nodes_of, walk
from charter_engine.parser.source.syntax import last_name
from charter_engine.parser.source.told_once import told_once
from charter_engine.parser.values.values import Function, Value

FANOUT = {
    "gather": "gather",
    "submit": "submit",
    "map": "map",
    "imap": "map",
    "imap_unordered": "map",
    "map_async": "map",
    "starmap": "map",
    "starmap_async": "map",
    "amap": "map",
    "thread_map": "map",
    "apply_async": "submit",
    "run_in_executor": "submit",
    "to_thread": "to_thread",
    "create_task": "create_task",
    "start_soon": "create_task",
    "ensure_future": "create_task",
    "as_completed": "as_completed",
    "Thread": "thread",
    "wait": "wait",
}
"""Functions that run what they are given beside other things."""

GATHERING = frozenset("gather as_completed wait wait_for_all".split())
"""Functions that wait for several things together."""

MAPPING = frozenset(
    "map imap imap_unordered map_async starmap starmap_async thread_map amap".split()
)
"""Those of them that call a function for each member of what they are given."""

PARALLEL = frozenset("parallel concurrent concurrently".split())
"""Words of functions that run what they are given so, whatever they are."""

LIMITING = frozenset(("wait_for", "shield"))
"""Functions that hand on what they wait for."""

SEVERAL = frozenset("gather map as_completed wait parallel".split())
"""Ways that are taken for several calls; the others run one, which a loop must repeat."""

BATCHES = frozenset(
    "batch abatch batch_as_completed abatch_as_completed batch_completion kickoff_for_each "
    "kickoff_for_each_async".split()
)
"""Methods of models that ask for several answers at once."""


def way_of(path: tuple[str, ...]) -> str | None:
    """How a function runs what it is given beside other things; None: it doesn't. Python's own
    `map` takes one after the other."""
    return FANOUT.get(path[-1]) if path and path != ("map",) else None


def way_within(outer: str | None, way: str | None, is_repeated: bool) -> str | None:
    """How a function runs that is run in a `way` by itself, and with others in an `outer` one:
    `gather(to_thread(plan, x), to_thread(check, x))`. A loop makes several of either."""
    is_one_of_several = outer in SEVERAL and way not in SEVERAL and not is_repeated
    return outer if is_one_of_several else way or outer


@lru_cache(maxsize=4096)
def parallel_way(path: tuple[str, ...]) -> str | None:
    """How a function that isn't at hand runs one that it is given, by its name:
    `run_in_parallel(ask, questions)`."""
    words = words_of(path[-1]) if path else ()
    return None if PARALLEL.isdisjoint(words) else "parallel"


def delayed_way(path: tuple[str, ...]) -> str | None:
    """How joblib's `delayed(f)(x)` runs, which stands for a call of f."""
    return "parallel" if path and path[-1] == "delayed()" else None


def gathers(definition: FunctionDefinition, helpers: Collection[str] = ()) -> bool:
    """Whether a function waits for several things together, itself or by one of `helpers`."""
    names = names_called(definition)
    return not GATHERING.isdisjoint(names) or any(one in helpers for one in names)


def is_gathered(frame: Frame, node: ast.Call, callee: Value, function: FunctionDefinition) -> bool:
    """Whether a call makes one of several coroutines that the function around it awaits together
    later: in a loop, as in `jobs = [ask(x) for x in xs]`, or one by one, as in
    `jobs.append(ask(x))`; then `gather(*jobs)`."""
    if is_used_at_once(frame, node, function):
        return False
    entered = [kind.definition.node for kind in callee.types if isinstance(kind, Function)]
    kept = is_kept(frame, node) if entered else is_listed(frame, node, function)
    if not frame.loops and not kept:
        return False
    is_known = isinstance(function.node, ast.AsyncFunctionDef) or bool(entered)
    return is_known and all(isinstance(one, ast.AsyncFunctionDef) for one in entered)


USED_AT_ONCE = (
    *(ast.Await, ast.For, ast.AsyncFor, ast.comprehension, ast.withitem),
    *(ast.Attribute, ast.Subscript),
)
"""What stands around a call of which something is made where it is called."""


def is_used_at_once(frame: Frame, node: ast.Call, function: FunctionDefinition) -> bool:
    """Whether what a call gives is no coroutine that is awaited later: it is gone through, or parts
    of it are read, there or by its name."""
    parent = frame.module.parents.get(node)
    if isinstance(parent, ast.Assign):
        names = {target.id for target in parent.targets if isinstance(target, ast.Name)}
        return not names.isdisjoint(names_read_into(function))
    return isinstance(parent, USED_AT_ONCE)


@told_once
def names_read_into(function: FunctionDefinition) -> frozenset[str]:
    """The names of which a function reads a part."""
    return frozenset(
        part.value.id
        for part in walk(function.node)
        if isinstance(part, ast.Attribute | ast.Subscript) and isinstance(part.value, ast.Name)
    )


TASK = "langgraph.func.task"
"""Makes a function one that runs beside what calls it, until its result is asked for."""


def started_way(frame: Frame, node: ast.Call, callee: Value) -> str | None:
    """How a task of LangGraph's functional API runs that isn't waited for where it is called, or
    what an object of a thread's class does; None for any other function at hand."""
    if is_start_of_thread(node, callee):
        return "thread"
    for kind in callee.types:
        if not isinstance(kind, Function) or not is_task(kind.definition):
            return None
    parent = frame.module.parents.get(node)
    is_waited_for = isinstance(parent, ast.Await | ast.Attribute)
    return None if is_waited_for else "create_task"


def is_start_of_thread(node: ast.Call, callee: Value) -> bool:
    """Whether a call starts a thread whose class says what it does: `Worker(jobs).start()`."""
    return last_name(node.func) == "start" and {
        kind.definition.name for kind in callee.types if isinstance(kind, Function)
    } == {"run"}


def is_task(definition: FunctionDefinition) -> bool:
    if not definition.decorators:
        return False
    imports = definition.module.imports
    named = (name.partition(".") for name in definition.decorators)
    return any(imports.get(first, first) + dot + rest == TASK for first, dot, rest in named)


def is_kept(frame: Frame, node: ast.Call) -> bool:
    """Whether what a call makes becomes part of a list or dict, or has a name that is awaited with
    others."""
    parent = frame.module.parents.get(node)
    if isinstance(parent, ast.Call):
        return last_name(parent.func) == "append"
    if isinstance(parent, ast.Assign) and frame.function is not None:
        names = {target.id for target in parent.targets if isinstance(target, ast.Name)}
        return not names.isdisjoint(gathered_names(frame.function))
    return isinstance(parent, ast.List | ast.Tuple | ast.Dict)


def is_listed(frame: Frame, node: ast.Call, function: FunctionDefinition) -> bool:
    """Whether what a call makes is written out with others in a list whose members are awaited
    together: `jobs = [Runner.run(a, x), Runner.run(b, x)]`, then `gather(*jobs)`."""
    listing = frame.module.parents.get(node)
    return isinstance(listing, ast.List | ast.Tuple) and id(listing) in gathered_lists(function)


@told_once
def gathered_lists(function: FunctionDefinition) -> frozenset[int]:
    """The lists that a function writes out under a name that it hands to what waits for several
    things together."""
    names = gathered_names(function)
    return frozenset(
        id(statement.value)
        for statement in (nodes_of(function, ast.Assign) if names else ())
        if any(isinstance(name, ast.Name) and name.id in names for name in statement.targets)
    )


@told_once
def gathered_names(function: FunctionDefinition) -> frozenset[str]:
    """The names that a function hands to what waits for several things together."""
    given = [
        argument.value if isinstance(argument, ast.Starred) else argument
        for call in calls_named(function, GATHERING)
        for argument in call.args
    ]
    return frozenset(argument.id for argument in given if isinstance(argument, ast.Name))


def is_awaited_alone(frame: Frame, node: ast.Call, way: str) -> bool:
    """Whether what runs beside other things is waited for at once: `await to_thread(f, x)`, perhaps
    with a limit of time."""
    parent = frame.module.parents.get(node)
    if isinstance(parent, ast.Call) and last_name(parent.func) in LIMITING:
        parent = frame.module.parents.get(parent)
    return way not in SEVERAL and isinstance(parent, ast.Await)
