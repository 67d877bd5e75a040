"""Methods of strings, lists and dicts, and the builtins that carry text along."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from msgspec.structs import replace

from charter_engine.parser.flows.written_files import STORE
from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.model_calls.recognise import CallShape, named_in, words_of
from charter_engine.parser.prompts.limits import CUTTING, cut_at
from charter_engine.parser.prompts.prompts import ROLES
from charter_engine.parser.values import text
from charter_engine.parser.values.candidates import end_of, functions_in, without_ends
from charter_engine.parser.values.containers import (
    COUNTED,
    MOST_MEMBERS,
    any_member,
    gone_through,
    item,
    member_of,
    put_behind,
)
from charter_engine.parser.values.joining import is_empty_list, join
from charter_engine.parser.values.origins import NOTHING
from charter_engine.parser.values.pieces import as_pieces, static, text_of
from charter_engine.parser.values.strings import FILLING, arguments_origins
from charter_engine.parser.values.values import (
    UNKNOWN,
    Box,
    Element,
    External,
    Hole,
    Limit,
    Static,
    Value,
    moved,
)

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator
    from charter_engine.parser.state import Analysis

GROWING = frozenset(
    "append appendleft add add_system_message add_developer_message add_user_message "
    "add_ai_message add_assistant_message add_message insert push put".split()
)

CONVERSATION = frozenset(
    "messages history past talk msgs chat conversation context dialogue memory log transcript "
    "turns scratchpad".split()
)

BEGINNING = frozenset("append extend appendleft insert update".split())
"""Methods of something unknown that say that it is a list."""

RESETTING = frozenset(("reset", "areset"))
"""Methods that empty a memory."""

CONNECTED = "connected"
"""Under this name a pipeline or a graph of agents keeps what is connected."""

FORGETTING = frozenset(
    "len isinstance range hasattr type bool id any all print input open round".split()
)

AS_PROMPT = frozenset(("to_messages", "to_string"))
"""Methods by which a filled template of LangChain's is handed on as messages or as a text."""

COPYING = frozenset("model_copy copy with_config with_retry with_options".split())
"""Methods by which a tool or a task gives itself once more, perhaps with other settings."""

PASSING = frozenset(
    "list tuple set sorted reversed deepcopy copy iter aiter dict as_completed tqdm".split()
)
ORDERING = frozenset("reversed sorted set filter nlargest nsmallest".split())
KEEPING_ORDER = frozenset(
    "heappush heappushpop heapreplace insort insort_left insort_right".split()
)
"""Functions that put a member into a list that is in order, or take one out of it."""

PASSING_SECOND = frozenset("filter nlargest nsmallest".split())
"""Functions that give what they are given, or some of it: first, or after how that is chosen."""

AWAITING = frozenset(
    f"asyncio.{name}" for name in "run wait_for shield create_task ensure_future".split()
)
"""Functions that give what a coroutine returns that they are given."""

OF_A_LOOP = "run_until_complete"
"""The method of an event loop that does so."""

HANDING_ON = "prompt_with_handoff_instructions"
HANDOFF_RULES = "RECOMMENDED_PROMPT_PREFIX"
"""The function by which OpenAI's Agents SDK puts this text of its own before an agent's."""

CHOOSING = frozenset("max min next".split())
"""Functions that give one member of what they are given."""

AS_DICT = frozenset("model_dump dict to_dict _asdict".split())
"""Methods that give what an object holds."""


class Methods:
    """Knows what the methods of Python's own types do to text and its origins."""

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.memory = analysis.memory
        self.evaluator = evaluator

    def method(
        self, frame: Frame, node: ast.Call, receiver: Value, shape: CallShape
    ) -> Value | None:
        """The outcome of a method of a string, list or dict; None where the receiver is none or the
        method unknown."""
        if receiver.pieces is not None or (
            shape.verb in ("join", *FILLING) and receiver.box is None
        ):
            found = self.evaluator.strings.string_method(frame, node, receiver, shape)
            if found is not None:
                return found
        is_text = receiver.pieces is not None or receiver.box is not None
        if (shape.verb in AS_PROMPT and is_text) or gives_itself(shape.verb, receiver):
            return receiver
        if shape.verb == "setdefault" and receiver.box is not None and shape.positional:
            return self.set_default(receiver.box, [value for _, value in shape.positional])
        if shape.verb in GROWING or shape.verb in ("extend", "update", "setdefault"):
            return self.grow(frame, node, receiver, shape)
        if (
            receiver.box is not None
            and empties(shape.verb, receiver.box)
            and isinstance(node.func, ast.Attribute)
        ):
            self.evaluator.assigner.empty(frame, node.func.value, receiver)
        if (
            receiver.box is not None
            and receiver.box.kind == "list"
            and shape.verb in CUTTING
            and isinstance(node.func, ast.Attribute)
        ):
            self.cut(frame, node.func.value, receiver.box, shape)
        if receiver.box is not None:
            found = self.store_method(receiver.box, shape)
            return found if found is not None else self.container_method(frame, receiver, shape)
        return counted_in(receiver, shape)

    def cut(self, frame: Frame, history: ast.expr, box: Box, shape: CallShape) -> None:
        """`while len(history) > n: history.pop(1)`: what is kept is bounded."""
        limit = cut_at(frame, history, self.evaluator.evaluate)
        if limit is not None:
            given = shape.positional[0][1].constant if shape.positional else None
            kept = given[0] if given is not None and isinstance(given[0], int) else 0
            box.limit = Limit(limit.size, limit.unit, kept)

    def container_method(self, frame: Frame, receiver: Value, shape: CallShape) -> Value | None:
        verb = shape.verb
        if verb in ("get", "pop") and receiver.box is not None:
            if receiver.box.kind == "list":
                return any_member(receiver)
            written, key = shape.positional[0] if shape.positional else (shape.node, UNKNOWN)
            table = shape.node.func.value if isinstance(shape.node.func, ast.Attribute) else written
            found = self.evaluator.containers.member(frame, receiver, table, written, key)
            default = shape.positional[1][1] if len(shape.positional) > 1 else None
            is_there = default is None or (is_empty_list(default) and end_of(found, -1) is not None)
            is_there = is_there or is_constant_with(shape, receiver, key)
            return found if default is None or is_there else join(found, default, "default")
        if verb in LISTING and receiver.box is not None and receiver.box.kind == "dict":
            return listed(receiver, receiver.box, verb)
        if verb in ("values", "items", "copy", "keys") or is_dumped(receiver, verb):
            return receiver
        if verb in AS_DICT and receiver.box is not None and receiver.box.kind == "object":
            return Value(box=as_dict(receiver.box), origins=receiver.origins)
        is_done = verb in ("clear", "sort", "reverse", "remove", "count", "index")
        return Value() if is_done else None

    def store_method(self, box: Box, shape: CallShape) -> Value | None:
        """`store.set("plan", plan)`, and the events of one kind that a workflow's step waits
        for."""
        given = [value for _, value in shape.positional]
        if shape.verb == "collect_events" and given:
            return Value(box=Box("list", rest=given[0]))
        if shape.verb == "edit_state":
            return Value(box=box)
        if shape.verb == "connect" and len(given) > 1:
            wire(box, given)
        keeps = shape.verb in ("set", "add_component") and len(given) > 1
        name = given[0].static_text() if keeps else None
        if name is None:
            return None
        box.fields[name] = join(box.fields.get(name), moved(given[1], "state"), name)
        self.memory.changes += bool(given[1].origins)
        return Value()

    def set_default(self, box: Box, given: list[Value]) -> Value:
        """`groups.setdefault(key, [])`: what a dict holds under a key, if need be from here on."""
        key, default = given[0].static_text(), given[1] if len(given) > 1 else Value()
        if key is not None:
            return box.fields.setdefault(key, default)
        box.rest = default if box.rest is None else box.rest
        return box.rest

    def grow(self, frame: Frame, node: ast.Call, receiver: Value, shape: CallShape) -> Value | None:
        """`append` and its like: the list keeps what it is given, and whoever shares it sees
        that."""
        given = shape.given
        if not given:
            return None
        box = receiver.box
        if shape.verb == "update" and box is not None and box.kind == "dict" and shape.keywords:
            given = [
                Value(box=Box("dict", fields=named_in(shape))),
                *given[: len(shape.positional)],
            ]
        if box is not None and box.kind == "object" and "message" in words_of(shape.verb):
            given = [message_given(shape)]
        if box is None:
            if shape.verb not in BEGINNING or not isinstance(node.func, ast.Attribute):
                return None
            box = begun_with(receiver, node.func.value, given)
            kept = replace(receiver, box=box, origins=box.rest.origins if box.rest else NOTHING)
            self.evaluator.assigner.assign(frame, node.func.value, kept)
        conversational = bool(
            set("_".join(shape.path[-2:-1]).lower().split("_")) & CONVERSATION or frame.all_loops()
        )
        for value in given[-1:] if shape.verb == "insert" else given:
            added = history(value) if conversational else value
            if shape.verb == "insert":
                box.items.insert(0, member_of(frame, box, added, node))
            elif (
                shape.verb in ("extend", "update")
                and value.box is not None
                and value.box.kind == box.kind
            ):
                placed = put_behind(box, value)
                members = placed.box or value.box
                self.memory.merge_into(box, members, frame.certainty > box.depth)
                if placed.origins:
                    rest = Value(origins=added.origins)
                    self.memory.add_item(box, member_of(frame, box, rest, node))
            elif shape.verb == "update" and value.box is not None:
                box.fields |= value.box.fields
            elif shape.verb == "update" and box.kind == "dict":
                self.memory.add_rest(box, Value(origins=value.all_origins()))
            else:
                self.memory.add_item(box, member_of(frame, box, added, node))
        return Value()

    def builtin(self, frame: Frame, node: ast.Call, name: str, shape: CallShape) -> Value | None:  # noqa: PLR0911 - one rule a name
        """`str(x)`, `dedent(…)`, `list(…)` and others that carry a value along."""
        given = [value for _, value in shape.positional]
        first = given[1] if name in PASSING_SECOND and len(given) > 1 else next(iter(given), None)
        if first is None:
            return None
        if name == "str":
            return (
                first
                if first.pieces is not None
                else text_of(as_pieces(first, node, node.lineno, node.col_offset))
            )
        if name in ("dedent", "cleandoc", HANDING_ON):
            return text_by(name, first, node)
        if name in PASSING or name in PASSING_SECOND or awaits(shape):
            return in_another_order(first) if name in ORDERING else first
        if name in ("asdict", "vars") and first.box is not None and first.box.kind == "object":
            return Value(box=as_dict(first.box), origins=first.origins)
        if name == "cast" and len(shape.positional) > 1:
            return shape.positional[1][1]
        if name in ("enumerate", "zip"):
            beside = [Value(), first] if name == "enumerate" else given
            members = [Element(gone_through(value)) for value in beside]
            return Value(box=Box("list", rest=Value(box=Box("tuple", members))))
        if name in KEEPING_ORDER:
            return self.kept_in_order(frame, node, given)
        if name == "range" and (members := numbers_of(shape)):
            return Value(box=Box("list", members))
        if name in FORGETTING:
            return Value()
        if name in CHOOSING and (chosen := chosen_by(shape)) is not None:
            return chosen
        if name in ("int", "float", "max", "min", "sum", "abs", "next", "repr"):
            return Value(origins=arguments_origins(shape))
        return None

    def kept_in_order(self, frame: Frame, node: ast.Call, given: list[Value]) -> Value:
        """`heappush(queue, item)`, `heappop(queue)`: any member of a list that keeps what is put
        into it."""
        held, box = given[0], given[0].box
        if len(given) > 1 and box is not None:
            self.memory.add_item(box, member_of(frame, box, given[1], node))
        return any_member(held)


def begun_with(held: Value, name: ast.expr, added: list[Value]) -> Box:
    """A list of which nothing else is known than what is added to it; where these are messages,
    what it held before comes first."""
    held = replace(held, types=frozenset(), source=held.source or name)
    if not held.origins:
        return Box("list")
    if any(value.box is not None and "role" in value.box.fields for value in added):
        return Box("list", [Element(held, maybe=True)])
    return Box("list", rest=held)


def empties(verb: str, box: Box) -> bool:
    """Whether a method leaves nothing in what it is called on."""
    return verb == "clear" or (verb in RESETTING and box.kind == "list")


def is_constant_with(shape: CallShape, table: Value, key: Value) -> bool:
    """Whether a method of a constant (`RULES.get(role, "")`) is given a key that the table has."""
    is_constant = len(shape.path) > 1 and shape.path[-2].isupper()
    return is_constant and table.box is not None and key.static_text() in table.box.fields


def is_dumped(receiver: Value, verb: str) -> bool:
    """Whether a method encodes what a library wrote as a text: `json.dumps(body).encode()`."""
    return verb == "encode" and STORE in receiver.types


def in_another_order(value: Value) -> Value:
    """The members of a list in another order, or some of them: which comes first isn't known."""
    return replace(value, types=without_ends(value.types)) if value.types else value


def gives_itself(verb: str, receiver: Value) -> bool:
    """Whether a method of a function that a decorator made an object gives that once more."""
    return verb in COPYING and bool(functions_in(receiver))


def text_by(name: str, given: Value, node: ast.Call) -> Value:
    """What a function makes of a text."""
    if name == HANDING_ON and given.pieces is not None:
        return text_of((Hole(HANDOFF_RULES, UNKNOWN), Static("\n\n"), *given.pieces))
    return text.without_margin(given, name, node.lineno) or text.remade(given, node)


def awaits(shape: CallShape) -> bool:
    """Whether a call gives what a coroutine returns: `asyncio.run(main())`."""
    named = (kind.dotted for kind in shape.callee if isinstance(kind, External))
    return shape.verb == OF_A_LOOP or not AWAITING.isdisjoint(named)


def chosen_by(shape: CallShape) -> Value | None:
    """One member of a list, or what stands in for it; None where several values are compared, or
    the members aren't known."""
    first, *others = [value for _, value in shape.positional]
    is_one = not others or shape.verb == "next"
    if not is_one or first.box is None or first.box.kind not in ("list", "tuple"):
        return None
    others += [value for name, _, value in shape.keywords if name == "default"]
    chosen = any_member(first)
    return join(chosen, others[0], "default") if others else chosen


def as_dict(box: Box) -> Box:
    """What an object holds, as a dict."""
    return Box("dict", fields=dict(box.fields), rest=box.rest)


def items_of(box: Box) -> Box:
    """A dict's keys and values in pairs."""
    pairs = [
        Element(Value(box=Box("tuple", [Element(static(name)), Element(value)])))
        for name, value in box.fields.items()
    ]
    key = Element(box.keys or UNKNOWN)
    rest = Value(box=Box("tuple", [key, Element(box.rest)])) if box.rest else None
    return Box("list", pairs, rest=rest)


def values_of(box: Box) -> Box:
    """What a dict holds, one after the other."""
    return Box("list", [Element(value) for value in box.fields.values()], rest=box.rest)


def keys_of(box: Box) -> Box:
    """The keys of a dict."""
    return Box("list", [Element(static(name)) for name in box.fields], rest=box.keys)


LISTING = {"items": items_of, "values": values_of, "keys": keys_of}
"""Methods by which a dict gives what it holds, in pairs with its keys, or alone, and its keys."""


def listed(value: Value, box: Box, verb: str) -> Value:
    """What such a method gives of a dict; of one whose keys are known, these alone have what they
    are made of."""
    if verb == "keys" and box.keys is None:
        return value
    return Value(box=LISTING[verb](box), origins=value.origins if box.keys is None else NOTHING)


def numbers_of(shape: CallShape) -> list[Element]:
    """The members of a short `range(n)`."""
    constant = shape.positional[0][1].constant if len(shape.positional) == 1 else None
    count = constant[0] if constant is not None else None
    if not isinstance(count, int) or count > MOST_MEMBERS:
        return []
    return [Element(Value(constant=(number,))) for number in range(count)]


def message_given(shape: CallShape) -> Value:
    """What `add_message(text, role="user")` adds to an object of a class that isn't at hand."""
    roles: list[Value] = []
    said: list[Value] = []
    named = [(name, value) for name, _, value in shape.keywords]
    for name, value in [("", value) for _, value in shape.positional] + named:
        is_role = name in ("", "role") and value.static_text() in ROLES
        (roles if is_role else said).append(value)
    if len(said) == 1 and said[0].box is not None:
        return said[0]
    role = next(iter(roles), static(role_named(shape.verb)))
    content = said[0] if len(said) == 1 else Value(box=Box("list", [Element(one) for one in said]))
    return Value(box=Box("dict", fields={"role": role, "content": content}))


def role_named(verb: str) -> str:
    """The role that a method's name speaks of: `add_user_message`; empty: none."""
    return next((ROLES[word] for word in words_of(verb) if word in ROLES), "")


def wire(box: Box, given: list[Value]) -> None:
    """`pipeline.connect("prompt.text", "llm")`: keep which component's output goes to which."""
    ends = [(value.static_text() or "").partition(".")[0] for value in given[:2]]
    kept = box.fields.setdefault(CONNECTED, Value(box=Box("list"))).box
    pair = Value(box=Box("tuple", [Element(static(end)) for end in ends]))
    if kept is not None:
        kept.items.append(Element(pair))


def history(value: Value, depth: int = 0) -> Value:
    """A value that went into a conversation, with everything in it."""
    if value.box is not None and value.box.kind == "dict" and depth < 3:
        fields = {name: history(member, depth + 1) for name, member in value.box.fields.items()}
        return replace(moved(value, "history"), box=Box("dict", fields=fields, rest=value.box.rest))
    return moved(value, "history")


def counted_in(receiver: Value, shape: CallShape) -> Value | None:
    """What `answer.get("total_tokens")` gives; None for any other call."""
    key = shape.positional[0][1] if shape.verb == "get" and shape.positional else UNKNOWN
    return item(receiver, key) if key.static_text() in COUNTED else None
