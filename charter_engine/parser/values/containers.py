"""Lists, tuples and dicts: what is put into them, and what is taken out."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Literal

from msgspec.structs import replace

from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.model_calls.recognise import CallShape, words_of
from charter_engine.parser.prompts.limits import head_of, window_of
from charter_engine.parser.prompts.prompt_files import FILE
from charter_engine.parser.source.syntax import last_name, names_stored
from charter_engine.parser.values.candidates import each_object, end_of, functions_in
from charter_engine.parser.values.joining import MAX_ITEMS, join
from charter_engine.parser.values.origins import NOTHING
from charter_engine.parser.values.pieces import static
from charter_engine.parser.values.text import remade
from charter_engine.parser.values.values import (
    NOT_PUT_THERE,
    UNKNOWN,
    Box,
    Class,
    Element,
    Function,
    Instance,
    Kind,
    Limit,
    Made,
    Package,
    Type,
    Value,
)

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator
    from charter_engine.parser.state import Analysis


class Containers:
    """Evaluates container literals and subscripts. `defaults` are the dicts that make a list under
    any key, by their identity."""

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.progress = analysis.progress
        self.evaluator = evaluator
        self.defaults: dict[int, Box] = {}

    def sequence(self, frame: Frame, node: ast.List | ast.Tuple | ast.Set) -> Value:
        kind: Literal["list", "tuple"] = "tuple" if isinstance(node, ast.Tuple) else "list"
        box = Box(kind, depth=frame.certainty, branches=frame.branches)
        for item in node.elts:
            if isinstance(item, ast.Starred):
                inner = self.evaluator.placed(frame, item.value)
                if inner.box is not None:
                    inner = put_behind(box, inner, item.value)
                if inner.box is not None and inner.box.kind in ("list", "tuple"):
                    box.items += copied(inner.box)
                    box.rest = join(box.rest, inner.box.rest) if inner.box.rest else box.rest
                    box.rest = (
                        join(box.rest, Value(origins=inner.origins)) if inner.origins else box.rest
                    )
                else:
                    members = Value(origins=inner.all_origins(), source=inner.source)
                    box.items.append(Element(members, maybe=True))
            elif len(box.items) < MAX_ITEMS:
                box.items.append(Element(self.evaluator.placed(frame, item), place=id(item)))
            else:
                box.rest = join(box.rest, self.evaluator.evaluate(frame, item))
        return Value(box=box)

    def dictionary(self, frame: Frame, node: ast.Dict) -> Value:
        box = Box("dict", depth=frame.certainty)
        for key, item in zip(node.keys, node.values, strict=True):
            value = self.evaluator.placed(frame, item)
            if key is None:
                if value.box is not None:
                    box.fields |= value.box.fields
                    box.rest = join(box.rest, value.box.rest) if value.box.rest else box.rest
                elif value.origins:
                    box.rest = join(box.rest, value)
                continue
            name = self.key_text(frame, key)
            if name is None:
                box.rest = join(box.rest, value)
            else:
                box.fields[name] = value
        return Value(box=box)

    def key_text(self, frame: Frame, node: ast.expr) -> str | None:
        """The text of a key; most stand in the source."""
        return self.key_of(frame, node).static_text()

    def key_of(self, frame: Frame, node: ast.expr) -> Value:
        """What is known of a key."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            self.progress.steps += 1
            return static(node.value)
        return self.evaluator.evaluate(frame, node)

    def subscript(self, frame: Frame, node: ast.Subscript) -> Value:
        value = self.evaluator.evaluate(frame, node.value)
        if isinstance(node.slice, ast.Slice):
            kept = head_of(frame, node.slice, self.evaluator.evaluate)
            if kept and value.box is not None and is_settled(value.box, kept - 1):
                return replace(value, box=replace(value.box, items=copied(value.box)[:kept]))
            if value.pieces is not None:
                return remade(value, node)
            return sliced(value, window_of(frame, node.slice, self.evaluator.evaluate))
        key = self.evaluator.evaluate(frame, node.slice)
        self.with_default(frame, value, key)
        return self.member(frame, value, node.value, node.slice, key)

    def member(
        self, frame: Frame, value: Value, table: ast.expr, written: ast.expr, key: Value
    ) -> Value:
        """What a list or dict holds under a key, as both are written and as far as it is known."""
        if self.is_callers_choice(frame, value, key):
            return UNKNOWN
        if is_kept_nowhere(value, table, key):
            return NOT_PUT_THERE
        return item(value, UNKNOWN if is_chosen_anew(frame, value, written) else key)

    def is_callers_choice(self, frame: Frame, table: Value, key: Value) -> bool:
        """Whether a function's callers say which function of a table is meant, and it is started
        without any: `handlers[topic](message)`."""
        if frame.caller is not None or frame.function not in self.evaluator.entries.called:
            return False
        is_given = bool(key.origins) and all(one.chain[0][0] < 0 for one in key.origins)
        return is_given and key.static_text() is None and holds_functions(table)

    def by_default(self, frame: Frame, shape: CallShape) -> Value | None:
        """`defaultdict(list)`: a dict that has a list under any key; None for any other call."""
        if shape.verb != "defaultdict" or not shape.positional:
            return None
        made, _ = shape.positional[0]
        if isinstance(made, ast.Lambda):
            return Value(box=Box("dict", rest=self.evaluator.evaluate(frame, made.body)))
        if not isinstance(made, ast.Name) or made.id not in LISTS:
            return None
        made_box = Box("dict", rest=Value(box=fresh_list(frame)), depth=frame.certainty)
        self.defaults[id(made_box)] = made_box
        return Value(box=made_box)

    def with_default(self, frame: Frame, table: Value, key: Value) -> None:
        """Let a `defaultdict` hold a list of its own under a key that is known."""
        box, name = table.box, key.static_text()
        if box is None or name is None or name in box.fields or id(box) not in self.defaults:
            return
        fresh = fresh_list(frame)
        if box.rest is not None and box.rest.box is not None:
            fresh.items = copied(box.rest.box)
        box.fields[name] = Value(box=fresh)


LISTS = ("list", "deque")

CACHES = frozenset("cache caches cached memo loaded".split())
"""Words in the names of dicts that keep what was made under the name by which it is asked for."""


def is_kept_nowhere(value: Value, table: ast.expr, key: Value) -> bool:
    """Whether a dict of the program's own holds nothing yet, or a cache nothing under a key: what
    is taken out of it is there only after it was put there."""
    box = value.box
    if box is None or box.kind != "dict" or box.rest is not None or value.origins:
        return False
    name = key.static_text()
    is_missing = name is not None and name not in box.fields
    is_cache = not CACHES.isdisjoint(words_of(last_name(table)))
    return not box.fields or (is_missing and is_cache)


def fresh_list(frame: Frame) -> Box:
    return Box("list", depth=frame.certainty, branches=frame.branches)


def member_of(frame: Frame, box: Box, value: Value, node: ast.AST) -> Element:
    """What is added to a list at a place of the source."""
    return Element(
        value,
        maybe=frame.certainty > box.depth,
        place=id(node),
        loops=frame.turning() if frame.branches <= box.branches else frozenset(),
    )


def put_behind(box: Box, added: Value, source: ast.expr | None = None) -> Value:
    """What is added to a list of texts or messages, with those of its members that aren't known one
    by one in their place: `lines += [f"* {name}" for name in names]`, `[rules, *history]`."""
    is_told = bool(box.items) and all(is_said(item.value) for item in box.items)
    return in_its_place(added, source) if is_told else added


def in_its_place(members: Value, source: ast.expr | None) -> Value:
    """A list with those of its members that aren't known one by one as one that may be there."""
    box = members.box
    rest = members if box is None else box.rest
    is_list = box is None or box.kind in ("list", "tuple")
    if rest is None or not is_list or not (rest.box is None or is_said(rest)):
        return members
    if rest.pieces is None and rest.box is None and rest.source is None:
        rest = replace(rest, source=source)
    items = copied(box) if box is not None else []
    element = Element(rest.with_origins(members.origins), maybe=True)
    return Value(box=Box("list", [*items, element]))


def is_said(value: Value) -> bool:
    """Whether a member of a list is a text, or a message with a role."""
    return value.pieces is not None or (value.box is not None and "role" in value.box.fields)


def lists_added(left: Value, right: Value, left_source: ast.expr, right_source: ast.expr) -> Value:
    """Two lists as one; what isn't known to be one keeps its place, as a member that may be
    there."""
    right = put_behind(left.box, right, right_source) if left.box is not None else right
    left = put_behind(right.box, left, left_source) if right.box is not None else left
    if left.box is None and right.box is None:
        return Value(origins=left.origins | right.origins)
    box = Box("list")
    held = NOTHING
    for side, source in ((left, left_source), (right, right_source)):
        if side.box is None:
            box.items.append(Element(Value(origins=side.origins, source=source), maybe=True))
            continue
        held |= side.origins
        box.items += copied(side.box)
        box.rest = join(box.rest, side.box.rest) if side.box.rest else box.rest
    return Value(box=box, origins=held)


def copied(box: Box) -> list[Element]:
    """The members of a list, in another."""
    return [
        Element(item.value, item.maybe, item.place, item.loops, item.limit or box.limit)
        for item in box.items
    ]


def sliced(value: Value, limit: Limit | None) -> Value:
    """Some of a list's members; with a limit, the last of them."""
    if value.box is not None and value.box.kind == "list":
        items = [
            Element(item.value, True, item.place, item.loops if limit else frozenset(), limit)
            for item in copied(value.box)
        ]
        return Value(box=Box("list", items, rest=value.box.rest), origins=value.origins)
    return Value(origins=value.all_origins())


def is_chosen_anew(frame: Frame, table: Value, key: ast.expr) -> bool:
    """Whether a loop takes another function of a table in each turn, by a name that it gives
    another value: `while step != "end": step = STEPS[step]()`."""
    turning = [loop.node for loop in frame.loops if isinstance(loop.node, ast.While)]
    if not turning or table.box is None or not isinstance(key, ast.Name | ast.Attribute):
        return False
    members = [*table.box.members()]
    is_table = bool(members) and all(any(map(is_callable, one.types)) for one in members)
    return is_table and any(ast.unparse(key) in names_stored(loop) for loop in turning)


def holds_functions(table: Value) -> bool:
    """Whether all that a table holds are functions, or lists of functions."""
    members = [*table.box.members()] if table.box is not None else []
    return bool(members) and all(functions_in(one) or holds_functions(one) for one in members)


def is_callable(kind: Type) -> bool:
    return isinstance(kind, Function | Instance)


def item(value: Value, key: Value) -> Value:
    if key.static_text() in COUNTED:
        value = without_answers(value)
    box = value.box
    types = frozenset(
        kind for kind in value.types if not isinstance(kind, Function | Class | Package)
    )
    if is_made(value) and key.static_text() is None and key.constant is None:
        return value
    if box is None:
        end = end_of(value, key.constant[0]) if key.constant is not None else None
        return Value(
            origins=value.origins if end is None else end,
            types=types if any(isinstance(kind, Kind) for kind in types) else frozenset(),
        )
    name = key.static_text()
    if name is not None and box.kind != "list":
        held = box.fields.get(name)
        return (held if held is not None else box.rest or UNKNOWN).with_origins(value.origins)
    index = key.constant[0] if key.constant is not None else None
    if isinstance(index, int) and is_settled(box, index):
        return box.items[index].value.with_origins(value.origins)
    member = any_member(value)
    return named_by_caller(member, key) if name is None and box.kind != "list" else member


COUNTED = frozenset(
    "prompt_tokens completion_tokens total_tokens input_tokens output_tokens cached_tokens "
    "reasoning_tokens prompt_tokens_details completion_tokens_details usageMetadata "
    "promptTokenCount candidatesTokenCount totalTokenCount prompt_eval_count eval_count "
    "finish_reason stop_reason finishReason".split()
)
"""Keys under which a server's answer tells how long it is or why it ended, and nothing of what the
model said."""


def without_answers(value: Value) -> Value:
    """A value that no model's answer is part of; what a list or dict holds stays."""
    return replace(value, origins=frozenset(one for one in value.origins if one.chain[0][0] < 0))


def named_by_caller(member: Value, key: Value) -> Value:
    """A text out of a table, under a name that the caller gives: `PROMPTS[task]`."""
    named = frozenset(origin for origin in key.all_origins() if origin.chain[0][0] < 0)
    if not named or member.pieces is None:
        return member
    return Value(origins=member.all_origins() | named)


def is_made(value: Value) -> bool:
    """Whether a value is an agent or a team: `task[int]` is the same, for answers of that type."""
    is_object = value.box is None or value.box.kind == "object"
    return is_object and any(isinstance(kind, Made) for kind in value.types)


def is_settled(box: Box, index: int) -> bool:
    """Whether it is known which member stands at an index: nothing before it may be missing."""
    if box.begins_either_way:
        return False
    if index < 0:
        before = box.items if box.rest is None and -len(box.items) <= index else None
    else:
        before = box.items[: index + 1] if index < len(box.items) else None
    return before is not None and not any(item.maybe or item.limit for item in before)


def any_member(value: Value) -> Value:
    """A member of a list or dict without saying which; of an open file, one of its lines."""
    if FILE in value.types:
        return Value(origins=value.origins)
    if value.box is None:
        types = frozenset(kind for kind in value.types if isinstance(kind, Instance | Kind))
        return Value(types=types, origins=value.origins)
    found: Value | None = None
    for number, member in enumerate(value.box.members()):
        found = join(detached(found), member, "item") if found is not None else member
        if number > 12:
            return Value(types=found.types, origins=value.all_origins(), box=found.box)
    if found is not None and found.pieces is not None and len(value.box.items) > 1:
        found = replace(found, pieces=None)
    return (found or UNKNOWN).with_origins(value.origins)


MOST_MEMBERS = 8
"""A literal of more members is not gone through one by one."""


def as_key(value: Value) -> Value:
    """What is known of a dict's key, apart from what the object holds that is one: of several keys
    none is changed by the others."""
    return value if value.box is None else replace(value, box=None, origins=value.all_origins())


def gone_through(value: Value) -> Value:
    """What a loop takes out of a list, or out of a dict that the program keeps by keys that aren't
    written out: these, unless the dict holds records, which loops put into one another."""
    box = value.box
    if box is None or box.keys is None or box.rest is None or box.rest.box is not None:
        return any_member(value)
    return box.keys


def each_member(value: Value) -> tuple[Value, ...]:
    """The members of a short list one by one; none where it isn't known which they are."""
    box = value.box
    if box is None or box.kind == "dict" or box.rest is not None:
        return ()
    if len(box.items) > MOST_MEMBERS or any(item.maybe or item.limit for item in box.items):
        return ()
    return tuple(item.value for item in box.items)


def keys_or_members(box: Box) -> tuple[Value, ...]:
    """What a loop over a dict or a list goes through, as far as that is known: a dict's keys, or
    the members that are there in any case."""
    if box.kind == "dict":
        return tuple(static(name) for name in box.fields)
    return tuple(item.value for item in box.items if not item.maybe)


def one_and_others(value: Value) -> tuple[Value, ...]:
    """A value that may be one of several objects: as the first of them, and as any other."""
    members = value.box.items if value.box is not None and value.box.kind == "tuple" else []
    if members:
        return tuples_of([one_and_others(item.value) for item in members], value)
    first, *others = each_object(value)
    return (first, replace(value, types=value.types - first.types)) if others else (value,)


def tuples_of(members: list[tuple[Value, ...]], value: Value) -> tuple[Value, ...]:
    """Tuples of what their members are in each turn."""
    turns = max(map(len, members))
    if turns == 1:
        return (value,)
    return tuple(
        replace(value, box=Box("tuple", [Element(parts[turn % len(parts)]) for parts in members]))
        for turn in range(turns)
    )


def detached(value: Value) -> Value:
    """A value whose box can be joined with another without changing what it came from, and of a
    tuple each member's (`for name, text in texts.items()`); what is added reaches both."""
    box = value.box
    if box is None:
        return value
    items = list(box.items)
    if box.kind == "tuple":
        items = [replace(item, value=detached(item.value)) for item in items]
    own = replace(box, items=items, fields=dict(box.fields), joined_to=box)
    return replace(value, box=own)
