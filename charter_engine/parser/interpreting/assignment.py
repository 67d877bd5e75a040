"""Assignments: to names, attributes and items, and what annotations add."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from msgspec.structs import replace

from charter_engine.parser.branches.absence import tests_absence
from charter_engine.parser.flows.written_files import STORE
from charter_engine.parser.interpreting.attributes import holder_name
from charter_engine.parser.interpreting.frames import Frame, constructor_of, outermost_init
from charter_engine.parser.prompts.limits import begun_anew, cut_at, kept_by, windowed
from charter_engine.parser.values.candidates import in_order, made_in, place_of
from charter_engine.parser.values.containers import any_member, as_key, member_of, put_behind
from charter_engine.parser.values.joining import is_empty_list, join
from charter_engine.parser.values.origins import NOTHING
from charter_engine.parser.values.pieces import as_pieces, text_of
from charter_engine.parser.values.values import (
    UNKNOWN,
    Box,
    Class,
    Instance,
    Kind,
    Member,
    Package,
    Type,
    Value,
    is_answer,
    moved,
)

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator
    from charter_engine.parser.state import Analysis


class Assigner:
    """Stores values."""

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.program = analysis.program
        self.memory = analysis.memory
        self.findings = analysis.findings
        self.progress = analysis.progress
        self.evaluator = evaluator

    def assignment(self, frame: Frame, node: ast.Assign) -> bool:
        value = self.evaluator.evaluate(frame, node.value)
        for target in node.targets:
            self.assign(frame, target, self.kept_history(frame, target, value, node.value))
        return True

    def kept_history(
        self, frame: Frame, target: ast.expr, value: Value, written: ast.expr
    ) -> Value:
        """A list that replaces a history of which it is the end, or that became too long, as that
        history with its limit."""
        fresh = value.box
        if fresh is None or fresh.kind != "list" or isinstance(target, ast.Tuple | ast.List):
            return value
        window = next((item.limit for item in fresh.items if item.limit is not None), None)
        limit = window or cut_at(frame, target, self.evaluator.evaluate)
        held = self.evaluator.evaluate(frame, target).box if limit is not None else None
        if limit is None or held is None or held.kind != "list" or not held.items:
            return value
        name = ast.unparse(target)
        if window is None:
            return replace(value, box=begun_anew(held, fresh, written, name, limit))
        kept = kept_by(held, fresh, written, name)
        if {item.place for item in fresh.items[kept:]} <= {item.place for item in held.items}:
            return replace(value, box=windowed(held, kept, window))
        return value

    def annotated(self, frame: Frame, node: ast.AnnAssign) -> bool:
        value = self.evaluator.evaluate(frame, node.value) if node.value is not None else UNKNOWN
        typed = self.evaluator.names.annotated_types(frame, node.annotation)
        if node.value is not None or typed.types:
            self.assign(frame, node.target, replace(value, types=value.types | typed.types))
        return True

    def assign(self, frame: Frame, target: ast.expr, value: Value) -> None:
        if isinstance(target, ast.Name):
            if frame.function is None:
                value = self.memory.as_functions_set(frame.module.path, target.id, value)
            is_global = target.id in frame.globals_written
            value = self.as_made_before(frame, target.id, value) if is_global else value
            frame.names[target.id] = value
            if is_global:
                kept = moved(value, "attribute")
                self.memory.keep_global(frame.module.path, target.id, kept)
            if target.id in frame.outer_written:
                self.evaluator.names.store_outer(frame, target.id, moved(value, "attribute"))
        elif isinstance(target, ast.Tuple | ast.List):
            self.unpack(frame, target, value)
        elif isinstance(target, ast.Attribute):
            self.store_attribute(frame, target, value)
        elif isinstance(target, ast.Subscript):
            self.store_item(frame, target, value)
        elif isinstance(target, ast.Starred):
            self.assign(frame, target.value, value)

    def as_made_before(self, frame: Frame, name: str, value: Value) -> Value:
        """What a function makes for its module where there is none yet: where there was one that
        holds answers, that."""
        held = self.memory.globals.get(frame.module.path, {}).get(name)
        is_there = held is not None and held.box is not None and is_made_once(frame, held)
        return held if held is not None and is_there else value

    def keep(self, frame: Frame, target: ast.expr, value: Value) -> None:
        """Let what keeps a conversation hold what was said, also where a function finds it in its
        module."""
        is_global = isinstance(target, ast.Name) and target.id not in frame.names
        if is_global and isinstance(target, ast.Name) and frame.function is not None:
            names = self.memory.names_of(frame.module.path)
            held = names.get(target.id)
            if held is not None and self.has_threads(held):
                names[target.id] = held.with_origins(moved(value, "history").origins)
                self.memory.changes += names[target.id] is not held
                return
        self.assign(frame, target, value)

    def has_threads(self, held: Value) -> bool:
        """Whether a value is an agent that keeps what was said by the threads that calls name."""
        kinds = self.program.catalogue.kinds
        return any(kinds[one.kind].remembers_by for one in made_in(held))

    def unpack(self, frame: Frame, target: ast.Tuple | ast.List, value: Value) -> None:
        box = value.box
        known = (
            box is not None
            and len(box.items) == len(target.elts)
            and not any(element.maybe for element in box.items)
        )
        for number, item in enumerate(target.elts):
            part = (
                box.items[number].value.with_origins(value.origins)
                if known and box is not None
                else any_member(value)
            )
            if not known and part.pieces is not None:
                part = replace(part, pieces=None)
            self.assign(frame, item, part)

    def store_attribute(self, frame: Frame, target: ast.Attribute, value: Value) -> None:
        holder = self.evaluator.evaluate(frame, target.value)
        value = moved(value, "attribute")
        if holder.box is None and all(map(is_foreign, holder.types)):
            holder = replace(holder, box=Box("object", depth=frame.certainty))
            self.give(frame, target.value, holder)
        if target.attr == KEPT_TALK and is_empty_list(value) and self.keeps_talk(holder):
            self.assign(frame, target.value, replace(holder, origins=NOTHING))
        is_record = self.is_record(holder)
        for kind in in_order(holder.types):
            if isinstance(kind, Instance | Class):
                self.store_field(frame, kind, target.attr, value)
                owner = holder_name(target.value)
                is_own = frame.function is not None and owner == frame.function.own_name
                if owner and not is_record and (is_own or is_of_one_class(holder)):
                    name = f"{owner}.{target.attr}"
                    frame.names[name] = value
                    held = self.memory.object_of(kind.definition, place_of(kind))
                    frame.stored[name] = held.fields[target.attr]
            elif isinstance(kind, Package):
                self.memory.keep_global(kind.module.path, target.attr, value)
        if holder.box is not None and (
            is_record or not any(isinstance(kind, Instance | Class) for kind in holder.types)
        ):
            fields = holder.box.fields
            certain = frame.certainty <= holder.box.depth and holder.box.kind == "object"
            certain = certain and not self.is_of_another_way(frame, fields.get(target.attr))
            fields[target.attr] = (
                value
                if certain or target.attr not in fields
                else join(fields[target.attr], value, target.attr)
            )

    def give(self, frame: Frame, target: ast.expr, value: Value) -> None:
        """Let what an expression names hold something from here on, also where a function finds it
        in its module."""
        names = self.memory.names_of(frame.module.path)
        if isinstance(target, ast.Name) and target.id not in frame.names and target.id in names:
            names[target.id] = value
        else:
            self.assign(frame, target, value)

    def keeps_talk(self, holder: Value) -> bool:
        """Whether a value is an agent that keeps what it was asked and answered."""
        kinds = self.program.catalogue.kinds
        return any(isinstance(kind, Kind) and kinds[kind.name].remembers for kind in holder.types)

    def is_record(self, holder: Value) -> bool:
        """Whether a value is a record that holds its fields itself."""
        records = self.program.is_record
        return holder.box is not None and any(
            isinstance(kind, Instance) and records(kind.definition) for kind in holder.types
        )

    def is_of_another_way(self, frame: Frame, before: Value | None) -> bool:
        """Whether a step of a flow finds what one has left that it never follows: a router chooses
        between them, and what follows both may hold either."""
        own = frame.function.node_name if frame.function is not None else ""
        leads = self.program.handled_after
        if before is None or not before.origins or own not in leads:
            return False
        numbers = {origin.chain[0][0] for origin in before.origins}
        sites = [self.findings.sites[number] for number in numbers if number >= 0]
        writers = {site.function.node_name for site in sites if site.function is not None}
        return any(name != own and name in leads and own not in leads[name] for name in writers)

    def store_field(self, frame: Frame, kind: Instance | Class, name: str, value: Value) -> None:
        if isinstance(kind, Instance):
            self.evaluator.flags.note(frame, kind, name, value)
        fields = self.memory.object_of(kind.definition, place_of(kind)).fields
        constructor = constructor_of(frame)
        maker = outermost_init(constructor).caller if constructor is not None else None
        created = maker is not None
        program = self.program
        is_apart = kind.definition in program.made_in or kind.definition in program.made_once
        above = maker.certainty if maker is not None and is_apart else 0
        made = constructor is not None and frame.certainty == above
        before = fields.get(name)
        made = made and not (maker is not None and is_made_once(maker, before))
        if (
            made
            and (created or self.progress.round == 0)
            and (created or before is None or not (before.all_origins() or holds_objects(before)))
        ):
            fields[name] = (
                replace(value, types=value.types | before.types) if before is not None else value
            )
        else:
            fields[name] = join(fields.get(name), value, name)
        if (
            before is None
            or before.origins != fields[name].origins
            or before.types != fields[name].types
        ):
            self.memory.changes += 1
        if value.types:
            key = (kind.definition, name)
            self.memory.field_types[key] = (
                self.memory.field_types.get(key, frozenset()) | value.types
            )

    def deleted(self, frame: Frame, node: ast.Delete) -> bool:
        for target in node.targets:
            if isinstance(target, ast.Name):
                frame.names.pop(target.id, None)
            elif isinstance(target, ast.Subscript) and is_whole(target.slice):
                self.empty(frame, target.value, self.evaluator.evaluate(frame, target.value))
        return True

    def empty(self, frame: Frame, target: ast.expr, held: Value) -> None:
        """Let what a list or dict held be gone from here on."""
        kind = held.box.kind if held.box is not None else "list"
        fresh = Box(kind, depth=frame.certainty, branches=frame.branches)
        self.assign(frame, target, replace(held, box=fresh, origins=NOTHING))

    def store_item(self, frame: Frame, target: ast.Subscript, value: Value) -> None:
        holder = self.evaluator.evaluate(frame, target.value)
        if is_whole(target.slice):
            self.assign(frame, target.value, replace(value, types=holder.types))
            return
        named = self.evaluator.containers.key_of(frame, target.slice)
        key = named.static_text()
        box = holder.box
        if box is None:
            box = Box("dict", rest=Value(origins=holder.origins) if holder.origins else None)
            self.assign(frame, target.value, replace(holder, box=box))
        if key is not None and box.kind != "list":
            certain = frame.certainty <= box.depth
            box.fields[key] = (
                value if certain or key not in box.fields else join(box.fields[key], value, key)
            )
        elif key != "role":
            box.rest = join(box.rest, value) if box.rest is not None else value
            named = as_key(named)
            if box.kind == "dict" and (box.keys is None or not named.origins <= box.keys.origins):
                box.keys = join(box.keys, named)
                self.memory.changes += bool(named.origins)
        self.memory.changes += bool(value.origins)

    def augmented(self, frame: Frame, node: ast.AugAssign) -> bool:
        current = self.evaluator.evaluate(frame, node.target)
        value = self.evaluator.evaluate(frame, node.value)
        if not isinstance(node.op, ast.Add):
            self.assign(
                frame, node.target, Value(origins=current.all_origins() | value.all_origins())
            )
            return True
        if current.box is not None and current.pieces is None:
            value = put_behind(current.box, value)
            for element in value.box.items if value.box is not None else []:
                added = moved(element.value, "history")
                source = element.value.source or node
                member = member_of(frame, current.box, added, source)
                member.maybe = member.maybe or element.maybe
                self.memory.add_item(current.box, member)
            if value.box is None or value.box.rest is not None:
                rest = (
                    value.box.rest
                    if value.box is not None and value.box.rest is not None
                    else value
                )
                current.box.rest = (
                    join(current.box.rest, moved(rest, "history"))
                    if current.box.rest
                    else moved(rest, "history")
                )
            return True
        added = self.evaluator.added(current, value, node.target, node.value)
        if frame.loops:
            added = moved(added, "history")
            if added.pieces is not None and len(added.pieces) > 24:
                added = text_of(as_pieces(Value(origins=added.origins), node.target))
        self.assign(frame, node.target, added)
        return True


KEPT_TALK = "messages"
"""The attribute under which an agent keeps what it was asked and answered."""


def is_foreign(kind: Type) -> bool:
    """Whether a type is that of an object of which the catalogue knows nothing but that it isn't at
    hand."""
    return kind == STORE or (isinstance(kind, Member) and kind.kind == STORE.name)


def is_made_once(maker: Frame, held: Value | None) -> bool:
    """Whether an object is made only where there is none yet (`if store is None: store = Store()`),
    and holds answers: it has been made before."""
    return held is not None and any(map(tests_absence, maker.conditions)) and is_answer(held)


def holds_objects(value: Value) -> bool:
    """Whether a value is a list or a dict that functions, agents or other objects were put into."""
    return value.box is not None and any(member.types for member in value.box.members())


def is_of_one_class(holder: Value) -> bool:
    """Whether a value is an object, or a class, of one class at hand, wherever it was made."""
    return len({getattr(kind, "definition", kind) for kind in holder.types}) == 1


def is_whole(node: ast.expr) -> bool:
    """Whether a subscript is `[:]`."""
    return isinstance(node, ast.Slice) and node.lower is None and node.upper is None
