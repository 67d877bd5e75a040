"""Statements: assignments, branches, loops, and the bodies of functions and classes."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

from charter_engine.contracts.graph import Loop
from charter_engine.parser.calls import MAX_FRAMES
from charter_engine.parser.core import Followed, Frame, LoopState, loops_since, signature, under_way
from charter_engine.parser.state import State, event_parameters, state_parameter
from charter_engine.parser.symbols import FunctionDefinition
from charter_engine.parser.syntax import annotation_names, has_break, leaves_at_once, pattern_names
from charter_engine.parser.values import (
    NOTHING,
    UNKNOWN,
    Box,
    Class,
    Function,
    Instance,
    Kind,
    Package,
    Value,
    as_pieces,
    join,
    moved,
    text_of,
)


class Statements(State):
    """The layer that runs statements in order. Each returns whether the next one can be reached."""

    def execute(self, frame: Frame, body: list[ast.stmt]) -> bool:
        for statement in body:
            if self.steps > self.budget:
                return True
            handler = self.EXECUTORS.get(type(statement))
            if handler is not None and not handler(self, frame, statement):
                return False
        return True

    def expression(self, frame: Frame, node: ast.Expr) -> bool:
        self.evaluate(frame, node.value)
        return True

    # Assignment

    def assignment(self, frame: Frame, node: ast.Assign) -> bool:
        value = self.evaluate(frame, node.value)
        for target in node.targets:
            self.assign(frame, target, value)
        return True

    def annotated(self, frame: Frame, node: ast.AnnAssign) -> bool:
        value = self.evaluate(frame, node.value) if node.value is not None else UNKNOWN
        typed = self.annotated_types(frame, node.annotation)
        if node.value is not None or typed.types:
            self.assign(frame, node.target, replace(value, types=value.types | typed.types))
        return True

    def annotated_types(self, frame: Frame, annotation: ast.expr | None) -> Value:
        """What an annotation says a value is: a class at hand, or a kind of the catalogue."""
        if annotation is None:
            return UNKNOWN
        found: set[Any] = set()
        for name, dotted in annotation_names(frame, annotation):
            value = self.resolve(frame.module, name)
            found |= {Instance(kind.definition) for kind in value.types if isinstance(kind, Class)}
            kind_name = self.catalogue.kind_of_annotation(name.rpartition(".")[2], dotted)
            if kind_name is not None and not found:
                found.add(Kind(kind_name))
        return Value(types=frozenset(found))

    def assign(self, frame: Frame, target: ast.expr, value: Value) -> None:
        if isinstance(target, ast.Name):
            frame.names[target.id] = value
            if target.id in frame.globals_written:
                names = self.globals.setdefault(frame.module.path, {})
                names[target.id] = join(names.get(target.id), moved(value, "attribute"), target.id)
        elif isinstance(target, ast.Tuple | ast.List):
            self.unpack(frame, target, value)
        elif isinstance(target, ast.Attribute):
            self.store_attribute(frame, target, value)
        elif isinstance(target, ast.Subscript):
            self.store_item(frame, target, value)
        elif isinstance(target, ast.Starred):
            self.assign(frame, target.value, value)

    def unpack(self, frame: Frame, target: ast.Tuple | ast.List, value: Value) -> None:
        box = value.box
        known = (
            box is not None and len(box.items) == len(target.elts) and not any(element.maybe for element in box.items)
        )
        for number, item in enumerate(target.elts):
            part = (
                box.items[number].value.with_origins(value.origins)
                if known and box is not None
                else self.any_member(value)
            )
            if not known and part.pieces is not None:
                part = replace(part, pieces=None)
            self.assign(frame, item, part)

    def store_attribute(self, frame: Frame, target: ast.Attribute, value: Value) -> None:
        holder = self.evaluate(frame, target.value)
        value = moved(value, "attribute")
        if holder.box is None and not holder.types:
            holder = replace(holder, box=Box("object", depth=frame.certainty))
            self.assign(frame, target.value, holder)
        for kind in holder.types:
            if isinstance(kind, Instance | Class):
                self.store_field(frame, kind.definition, target.attr, value)
                if isinstance(target.value, ast.Name) and len(holder.types) == 1:
                    name = f"{target.value.id}.{target.attr}"
                    frame.names[name] = value
                    frame.stored[name] = self.object_of(kind.definition).fields[target.attr]
            elif isinstance(kind, Package):
                names = self.globals.setdefault(kind.module.path, {})
                names[target.attr] = join(names.get(target.attr), value, target.attr)
        if holder.box is not None and not any(isinstance(kind, Instance | Class) for kind in holder.types):
            certain = frame.certainty <= holder.box.depth and holder.box.kind == "object"
            fields = holder.box.fields
            fields[target.attr] = (
                value if certain or target.attr not in fields else join(fields[target.attr], value, target.attr)
            )

    def store_field(self, frame: Frame, owner: Any, name: str, value: Value) -> None:
        fields = self.object_of(owner).fields
        made = frame.function is not None and frame.function.name == "__init__" and frame.certainty == 0
        created = outermost_init(frame).caller is not None
        before = fields.get(name)
        if made and (created or self.round == 0) and (created or before is None or not before.origins):
            fields[name] = replace(value, types=value.types | before.types) if before is not None else value
        else:
            fields[name] = join(fields.get(name), value, name)
        if before is None or before.origins != fields[name].origins or before.types != fields[name].types:
            self.heap += 1
        if value.types:
            key = (owner, name)
            self.field_types[key] = self.field_types.get(key, frozenset()) | value.types

    def store_item(self, frame: Frame, target: ast.Subscript, value: Value) -> None:
        holder = self.evaluate(frame, target.value)
        key = self.evaluate(frame, target.slice).static_text()
        box = holder.box
        if box is None:
            box = Box("dict", rest=Value(origins=holder.origins) if holder.origins else None)
            self.assign(frame, target.value, replace(holder, box=box))
        if key is not None and box.kind != "list":
            certain = frame.certainty <= box.depth
            box.fields[key] = value if certain or key not in box.fields else join(box.fields[key], value, key)
        elif key != "role":
            box.rest = join(box.rest, value) if box.rest is not None else value
        self.heap += bool(value.origins)

    def augmented(self, frame: Frame, node: ast.AugAssign) -> bool:
        current = self.evaluate(frame, node.target)
        value = self.evaluate(frame, node.value)
        if not isinstance(node.op, ast.Add):
            self.assign(frame, node.target, Value(origins=current.all_origins() | value.all_origins()))
            return True
        if current.box is not None and current.pieces is None:
            for element in value.box.items if value.box is not None else []:
                self.add_item(current.box, moved(element.value, "history"), frame.certainty > current.box.depth)
            if value.box is None or value.box.rest is not None:
                rest = value.box.rest if value.box is not None and value.box.rest is not None else value
                current.box.rest = (
                    join(current.box.rest, moved(rest, "history")) if current.box.rest else moved(rest, "history")
                )
            return True
        added = self.added(current, value, node.target, node.value)
        if frame.loops:
            added = moved(added, "history")
            if added.pieces is not None and len(added.pieces) > 24:
                added = text_of(as_pieces(Value(origins=added.origins), node.target))
        self.assign(frame, node.target, added)
        return True

    # Branches

    def branch(self, frame: Frame, node: ast.If) -> bool:
        self.evaluate(frame, node.test)
        return self.alternatives(frame, [(node.test, node.body), (node.test if node.orelse else None, node.orelse)])

    def alternatives(self, frame: Frame, branches: list[tuple[ast.expr | str | None, list[ast.stmt]]]) -> bool:
        """Run each branch from the same names, then go on with what any of them may have left."""
        before, after = frame.names, None
        for condition, body in branches:
            frame.names = dict(before)
            if condition is not None:
                frame.conditions.append(condition)
            alive = self.execute(frame, body)
            if condition is not None:
                frame.conditions.pop()
            if alive:
                after = frame.names if after is None else join_names(after, frame.names)
        frame.names = after if after is not None else before
        return after is not None

    def matched(self, frame: Frame, node: ast.Match) -> bool:
        subject = self.evaluate(frame, node.subject)
        for case in node.cases:
            for name in pattern_names(case.pattern):
                frame.names[name] = Value(origins=subject.all_origins())
        branches: list[tuple[ast.expr | str | None, list[ast.stmt]]] = [
            (node.subject, case.body) for case in node.cases
        ]
        return self.alternatives(frame, [*branches, (None, [])])

    def tried(self, frame: Frame, node: ast.Try) -> bool:
        before = dict(frame.names)
        alive = self.execute(frame, node.body) and self.execute(frame, node.orelse)
        after = frame.names if alive else None
        middle = join_names(before, frame.names)
        for handler in node.handlers:
            frame.names = dict(middle)
            if handler.name:
                frame.names[handler.name] = UNKNOWN
            frame.conditions.append("except")
            if self.execute(frame, handler.body):
                after = frame.names if after is None else join_names(after, frame.names)
            frame.conditions.pop()
        frame.names = after if after is not None else middle
        return self.execute(frame, node.finalbody) and after is not None

    def with_block(self, frame: Frame, node: ast.With | ast.AsyncWith) -> bool:
        for item in node.items:
            value = self.evaluate(frame, item.context_expr)
            if item.optional_vars is not None:
                self.assign(frame, item.optional_vars, value)
        return self.execute(frame, node.body)

    # Loops

    def for_loop(self, frame: Frame, node: ast.For | ast.AsyncFor) -> bool:
        iterable = self.evaluate(frame, node.iter)
        record = Loop(
            kind="for", line=node.lineno, target=ast.unparse(node.target), iterable=ast.unparse(node.iter)[:200]
        )
        self.repeat(frame, node, record, lambda: self.assign(frame, node.target, self.any_member(iterable)))
        return self.execute(frame, node.orelse)

    def while_loop(self, frame: Frame, node: ast.While) -> bool:
        record = Loop(kind="while", line=node.lineno, iterable=ast.unparse(node.test)[:200])
        self.repeat(frame, node, record, lambda: self.evaluate(frame, node.test))
        endless = isinstance(node.test, ast.Constant) and bool(node.test.value)
        return self.execute(frame, node.orelse) and not (endless and not has_break(node.body))

    def repeat(
        self, frame: Frame, node: ast.For | ast.AsyncFor | ast.While, record: Loop, start: Callable[[], object]
    ) -> None:
        """Run a body once, and again if a model was asked in it: what the first turn left reaches the second."""
        loop = LoopState(self.loop_number(node), record, retries=leaves_at_once(node.body))
        before = dict(frame.names)
        frame.loops.append(loop)
        sites = self.reached
        for iteration in (0, 1):
            loop.iteration = iteration
            start()
            alive = self.execute(frame, node.body)
            for names in loop.exits:
                frame.names = join_names(frame.names, names) if alive else names
                alive = True
            loop.exits.clear()
            if self.reached == sites:
                break
        frame.loops.pop()
        frame.names = join_names(before, frame.names) if isinstance(node, ast.For | ast.AsyncFor) else frame.names

    def leave_turn(self, frame: Frame, node: ast.Break | ast.Continue) -> bool:
        if frame.loops:
            frame.loops[-1].exits.append(frame.names)
        return False

    # Functions and classes

    def returned(self, frame: Frame, node: ast.Return) -> bool:
        if node.value is not None:
            value = self.evaluate(frame, node.value)
            frame.returned = join(frame.returned, value, "result") if frame.returned is not None else value
        return False

    def raised(self, frame: Frame, node: ast.Raise) -> bool:
        if node.exc is not None:
            self.evaluate(frame, node.exc)
        return False

    def define_function(self, frame: Frame, node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
        definition = frame.module.functions[id(node)]
        frame.names[node.name] = Value(types=frozenset((Function(definition),)))
        return True

    def define_class(self, frame: Frame, node: ast.ClassDef) -> bool:
        definition = frame.module.classes[id(node)]
        frame.names[node.name] = Value(types=frozenset((Class(definition),)))
        if frame.function is None or definition not in self.objects:
            inner = Frame(frame.module, {}, function=frame.function, owner=definition)
            self.execute(
                inner, [item for item in node.body if not isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)]
            )
            fields = self.object_of(definition).fields
            for name, value in inner.names.items():
                fields.setdefault(name, value)
        return True

    def declare_global(self, frame: Frame, node: ast.Global | ast.Nonlocal) -> bool:
        if isinstance(node, ast.Global):
            frame.globals_written |= set(node.names)
        return True

    def asserted(self, frame: Frame, node: ast.Assert) -> bool:
        self.evaluate(frame, node.test)
        return True

    def enter(self, frame: Frame, function: Function, names: dict[str, Value]) -> Value | None:
        """Follow a call into a function at hand; None where that goes too deep or in circles."""
        definition = function.definition
        if under_way(frame, definition) is not None:
            self.hand_down(definition, names)
            return None
        if frame.depth >= MAX_FRAMES or self.steps > self.budget:
            return None
        given = tuple((name, signature(value)) for name, value in names.items())
        bound = signature(function.bound) if function.bound is not None else None
        key = (
            definition,
            bound,
            given,
            frame.chain,
            loops_since(frame, frame.chain, self),
            self.heap,
            self.visits is None,
        )
        known = self.followed.get(key)
        if known is not None:
            if self.visits is not None:
                self.visits += known.visits
            self.reached += known.reached
            return known.result
        seen, reached = len(self.visits or ()), self.reached
        inner = Frame(
            definition.module,
            self.first_names(function, names),
            function=definition,
            caller=frame,
            chain=frame.chain,
            depth=frame.depth + (1 if definition in self.reaching else 2),
        )
        result = self.run_body(inner)
        self.followed[key] = Followed(result, (self.visits or [])[seen:], names, self.reached - reached)
        return result

    def hand_down(self, definition: FunctionDefinition, names: dict[str, Value]) -> None:
        """Keep the outputs that a recursion gives its function: they reach it in a later turn."""
        for name, value in names.items():
            made = frozenset(origin for origin in moved(value, "argument").all_origins() if origin.chain[0][0] >= 0)
            self.handed_down[definition, name] = self.handed_down.get((definition, name), NOTHING) | made

    def property_value(self, frame: Frame, function: Function) -> Value:
        found = self.enter(frame, function, {})
        return found if found is not None else UNKNOWN

    def first_names(self, function: Function, names: dict[str, Value]) -> dict[str, Value]:
        """The names a function starts with: its object, what it was given, defaults, and what annotations say."""
        definition = function.definition
        spec = definition.node.args
        frame = Frame(definition.module, {})
        positional = [*spec.posonlyargs, *spec.args]
        defaults = dict(
            zip([arg.arg for arg in positional[len(positional) - len(spec.defaults) :]], spec.defaults, strict=False)
        )
        defaults |= {
            arg.arg: default
            for arg, default in zip(spec.kwonlyargs, spec.kw_defaults, strict=False)
            if default is not None
        }
        found: dict[str, Value] = {}
        for arg in (*positional, *spec.kwonlyargs):
            value = names.get(arg.arg)
            if value is None and arg.arg in defaults:
                value = self.evaluate(frame, defaults[arg.arg])
            typed = self.annotated_types(frame, arg.annotation)
            value = value or UNKNOWN
            found[arg.arg] = (
                replace(value, types=value.types | typed.types) if typed.types and not value.types else value
            )
        self.share_state(definition, names, found)
        for special in (spec.vararg, spec.kwarg):
            if special is not None and special.arg in names:
                found[special.arg] = names[special.arg]
        if definition.takes_self and definition.parameters and definition.owner is not None:
            kind = Class(definition.owner) if "classmethod" in definition.decorators else Instance(definition.owner)
            bound = function.bound if function.bound is not None and function.bound.types else None
            found[definition.parameters[0]] = bound or Value(types=frozenset((kind,)))
        return found

    def share_state(self, definition: FunctionDefinition, names: dict[str, Value], found: dict[str, Value]) -> None:
        """Give a node its graph's state, and a step its event, where the caller gave none."""
        state = state_parameter(definition)
        if state is not None and names.get(state, UNKNOWN).box is None:
            found[state] = replace(found[state], box=self.shared_box("state"))
        for parameter, event in event_parameters(definition).items():
            if names.get(parameter, UNKNOWN).box is None:
                found[parameter] = replace(found[parameter], box=self.shared_box(event), types=frozenset())

    def run_body(self, frame: Frame) -> Value:
        assert frame.function is not None
        node = frame.function.node
        if isinstance(node, ast.Lambda):
            return self.evaluate(frame, node.body)
        self.execute(frame, node.body)
        self.closures[frame.function] = frame.names
        return frame.returned if frame.returned is not None else UNKNOWN

    EXECUTORS: ClassVar[dict[type, Callable[[Any, Frame, Any], bool]]] = {
        ast.Expr: expression,
        ast.Assign: assignment,
        ast.AnnAssign: annotated,
        ast.AugAssign: augmented,
        ast.If: branch,
        ast.Match: matched,
        ast.Try: tried,
        ast.TryStar: tried,
        ast.With: with_block,
        ast.AsyncWith: with_block,
        ast.For: for_loop,
        ast.AsyncFor: for_loop,
        ast.While: while_loop,
        ast.Break: leave_turn,
        ast.Continue: leave_turn,
        ast.Return: returned,
        ast.Raise: raised,
        ast.FunctionDef: define_function,
        ast.AsyncFunctionDef: define_function,
        ast.ClassDef: define_class,
        ast.Global: declare_global,
        ast.Nonlocal: declare_global,
        ast.Assert: asserted,
    }


def outermost_init(frame: Frame) -> Frame:
    """The frame of the constructor that a constructor's frame serves: its class's own, through `super().__init__()`."""
    while frame.caller is not None and frame.caller.function is not None and frame.caller.function.name == "__init__":
        frame = frame.caller
    return frame


def join_names(first: dict[str, Value], second: dict[str, Value]) -> dict[str, Value]:
    joined = {name: value for name, value in first.items() if "." not in name or name in second}
    for name, value in second.items():
        held = joined.get(name)
        if held is None and "." not in name:
            joined[name] = value
        elif held is not None and held is not value:
            joined[name] = join(held, value, name)
    return joined
