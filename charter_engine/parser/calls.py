"""Calls: of functions at hand, which are followed; of models, which become sites; of anything else, which pass text on."""

from __future__ import annotations

import ast
from dataclasses import replace

from charter_engine.contracts.graph import Loop
from charter_engine.parser import prompts, recognise
from charter_engine.parser.core import Frame, Message, Site, Visit, best_flow, edge_between, loops_since
from charter_engine.parser.methods import Methods
from charter_engine.parser.recognise import CallShape, Recognition
from charter_engine.parser.values import (
    UNKNOWN,
    Box,
    Chain,
    Class,
    Element,
    External,
    Function,
    Hole,
    Instance,
    Kind,
    Member,
    Origin,
    Piece,
    Value,
    join,
    moved,
)

MAX_FRAMES = 12
"""Functions within functions followed from one start; deeper calls are taken as passing their arguments on."""

LATER = frozenset(
    "submit map imap starmap apply_async run_in_executor to_thread create_task ensure_future thread_map run run_coroutine_threadsafe amap Thread partial wrap gather".split()
)
"""Functions that call a function they are given."""

FANOUT = {
    "gather": "gather",
    "submit": "submit",
    "map": "map",
    "imap": "map",
    "starmap": "map",
    "amap": "map",
    "thread_map": "map",
    "apply_async": "submit",
    "run_in_executor": "submit",
    "to_thread": "to_thread",
    "create_task": "create_task",
    "ensure_future": "create_task",
    "as_completed": "as_completed",
    "Thread": "thread",
    "wait": "wait",
}


class Calls(Methods):
    """The layer that evaluates calls and records sites and edges."""

    def call(self, frame: Frame, node: ast.Call) -> Value:
        path = path_of(node.func)
        outer, frame.fanout = frame.fanout, FANOUT.get(path[-1] if path else "", frame.fanout)
        receiver, callee = self.callee_of(frame, node.func)
        shape = CallShape(
            path=path,
            callee=callee.types,
            receiver=receiver.types,
            positional=tuple(self.positional(frame, node)),
            keywords=tuple((item.arg or "**", item.value, self.placed(frame, item.value)) for item in node.keywords),
            used_as=self.use_of(frame, node),
        )
        frame.fanout = outer
        return self.outcome(frame, node, receiver, callee, shape)

    def use_of(self, frame: Frame, node: ast.Call) -> str:
        """A word for what becomes of the result: the name it is assigned to, or the attribute taken of it."""
        parents = frame.module.parents
        name = output_name(parents, node)
        if name is not None:
            return name
        parent = parents.get(id(node))
        parent = parents.get(id(parent)) if isinstance(parent, ast.Await) else parent
        if isinstance(parent, ast.Attribute):
            return "text" if parent.attr in ("content", "text", "strip", "split", "lower", "output") else parent.attr
        return "output" if isinstance(parent, ast.Return) else ""

    def positional(self, frame: Frame, node: ast.Call) -> list[tuple[ast.expr, Value]]:
        given: list[tuple[ast.expr, Value]] = []
        for argument in node.args:
            value = self.placed(frame, argument)
            if (
                isinstance(argument, ast.Starred)
                and value.box is not None
                and value.box.items
                and value.box.rest is None
            ):
                given += [(argument.value, element.value) for element in value.box.items]
            else:
                given.append((argument, self.any_member(value) if isinstance(argument, ast.Starred) else value))
        return given

    def callee_of(self, frame: Frame, node: ast.expr) -> tuple[Value, Value]:
        """The value a method is called on, and the value that is called."""
        if isinstance(node, ast.Attribute):
            if is_super(node.value):
                return UNKNOWN, self.inherited(frame, node.attr)
            receiver = self.evaluate(frame, node.value)
            return receiver, self.attribute_of(frame, receiver, node.attr)
        return UNKNOWN, self.evaluate(frame, node)

    def inherited(self, frame: Frame, name: str) -> Value:
        owner = frame.function.owner if frame.function is not None else None
        for base in self.lineage(owner)[1:] if owner is not None else []:
            if name in base.methods:
                return Value(types=frozenset((Function(base.methods[name], frame.names.get("self")),)))
        return UNKNOWN

    def outcome(self, frame: Frame, node: ast.Call, receiver: Value, callee: Value, shape: CallShape) -> Value:
        functions = [kind for kind in callee.types if isinstance(kind, Function)]
        functions += [
            found for kind in callee.types if isinstance(kind, Instance) for found in self.called(kind, callee)
        ]
        functions = [function for function in functions if not function.definition.is_abstract]
        if functions:
            return self.follow(frame, node, functions, shape)
        classes = [kind for kind in callee.types if isinstance(kind, Class)]
        if classes:
            return self.construct(frame, node, classes[0], shape)
        made = self.made_by(callee, receiver, shape)
        if made is not None:
            return made
        found = recognise.recognise(shape, self.catalogue)
        if found is not None:
            return self.model_call(frame, node, receiver, shape, found)
        if isinstance(node.func, ast.Attribute):
            value = self.method(frame, node, receiver, shape)
            if value is not None:
                return value
        plain = self.builtin(frame, node, shape.verb, shape) if not receiver.types else None
        if plain is not None:
            return plain
        if shape.verb in LATER:
            value = self.called_later(frame, node, shape)
            if value is not None:
                return value
        found = recognise.by_evidence(shape, self.catalogue)
        if found is not None:
            return self.model_call(frame, node, receiver, shape, found)
        return self.passed_on(receiver, callee, shape)

    def called(self, kind: Instance, callee: Value) -> list[Function]:
        for owner in self.lineage(kind.definition):
            for name in ("__call__", "forward"):
                if name in owner.methods:
                    return [Function(owner.methods[name], callee)]
        return []

    def made_by(self, callee: Value, receiver: Value, shape: CallShape) -> Value | None:
        """What a constructor of the catalogue, or a method that keeps or changes a kind, returns."""
        for kind in callee.types:
            if isinstance(kind, External):
                name = self.catalogue.kind_of_constructor(kind.dotted)
                if name is not None:
                    return Value(
                        types=frozenset((Kind(name),)),
                        box=self.constructed_box(shape),
                        origins=self.arguments_origins(shape),
                    )
            elif isinstance(kind, Member) and kind.kind in self.catalogue.kinds:
                rule = self.catalogue.kinds[kind.kind]
                if kind.path in rule.keeps:
                    return receiver
                if kind.path in rule.becomes:
                    return Value(types=frozenset((Kind(rule.becomes[kind.path]),)), origins=receiver.origins)
        return None

    def constructed_box(self, shape: CallShape) -> Box | None:
        fields = {name: value for name, _, value in shape.keywords if name != "**"}
        fields |= {str(number): value for number, (_, value) in enumerate(shape.positional)}
        return Box("object", fields=fields) if fields else None

    # Functions at hand

    def follow(self, frame: Frame, node: ast.Call, functions: list[Function], shape: CallShape) -> Value:
        result: Value | None = None
        for function in functions[:4]:
            value = self.follow_one(frame, node, function, shape)
            result = join(result, value, "result") if result is not None else value
        return result or UNKNOWN

    def follow_one(self, frame: Frame, node: ast.Call, function: Function, shape: CallShape) -> Value:
        names = bind(function, shape)
        via = self.wrappers.get(function.definition)
        if via is None:
            names = {name: moved(value, "argument") for name, value in names.items()}
            inner = self.enter(frame, function, names, node)
            return moved(inner, "return") if inner is not None else self.passed_on(UNKNOWN, UNKNOWN, shape)
        family = self.sites[via[-1]].family
        site = self.site_for(
            frame, node, family, "wrapper", (f"{function.definition.qualname} asks a model and returns its answer",)
        )
        site.via = [number for number in via if number != site.number]
        chain = self.chain_to(frame, site)
        self.describe(
            frame, site, wrapper_prompt(function, names, shape), prompts.options_of(shape, recognise.EVIDENCE)
        )
        before = frame.chain
        frame.chain = chain
        inner = self.enter(frame, function, names, node)
        frame.chain = before
        if inner is None:
            self.record_edges(site, chain, prompts_origins(names))
        return replace(inner or UNKNOWN, pieces=None, constant=None).with_origins(frozenset((Origin(chain),)))

    def enter(self, frame: Frame, function: Function, names: dict[str, Value], node: ast.Call) -> Value | None:
        raise NotImplementedError

    def construct(self, frame: Frame, node: ast.Call, kind: Class, shape: CallShape) -> Value:
        instance = Value(types=frozenset((Instance(kind.definition),)), origins=self.arguments_origins(shape))
        for owner in self.lineage(kind.definition):
            if "__init__" in owner.methods:
                function = Function(owner.methods["__init__"], replace(instance, origins=frozenset()))
                self.enter(frame, function, bind(function, shape), node)
                return replace(instance, origins=frozenset())
        fields = {name: value for name, _, value in shape.keywords if name != "**"}
        for name, (_, value) in zip(declared_fields(kind.definition.node), shape.positional, strict=False):
            fields[name] = value
        return replace(instance, box=Box("object", fields=fields) if fields else None)

    # Models

    def model_call(self, frame: Frame, node: ast.Call, receiver: Value, shape: CallShape, found: Recognition) -> Value:
        kind = "wrapper" if found.by_evidence and not recognise.is_client(shape, self.catalogue) else "sdk"
        site = self.site_for(frame, node, found.family.name, kind, (found.why,))
        messages = prompts.prompt_of(shape, found.family)
        messages = (*self.kept_prompt(receiver, shape), *messages)
        chain = self.chain_to(frame, site)
        for _, part in messages:
            self.record_edges(site, chain, part.all_origins())
            self.record_fillings(site, chain, part)
        if self.visits is not None:
            self.visits.append(Visit(site.number, messages))
        self.describe(frame, site, messages, prompts.options_of(shape, found.family))
        return Value(origins=frozenset((Origin(chain),)), types=frozenset())

    def kept_prompt(self, receiver: Value, shape: CallShape) -> tuple[Message, ...]:
        """The template of a chain or the instructions of an agent, kept in the object that is called."""
        return ()

    def chain_to(self, frame: Frame, site: Site) -> Chain:
        return (*frame.chain, (site.number, loops_since(frame, frame.chain, self)))

    def record_edges(self, site: Site, chain: Chain, origins: frozenset[Origin]) -> None:
        for origin in origins:
            if origin.chain[0][0] < 0:
                continue
            edge = edge_between(origin.chain, chain, self.internal)
            if edge is not None:
                source, target, carried = edge
                edges = self.sites[target].edges
                edges[source, carried] = best_flow(edges.get((source, carried)), origin.how)

    def record_fillings(self, site: Site, chain: Chain, value: Value) -> None:
        for piece in holes_of(value):
            for origin in piece.value.all_origins():
                edge = edge_between(origin.chain, chain, self.internal) if origin.chain[0][0] >= 0 else None
                if edge is not None and edge[1] == site.number:
                    site.fillings.setdefault(piece.key, set()).add((edge[0], edge[2]))

    def site_for(self, frame: Frame, node: ast.Call, family: str, kind: str, why: tuple[str, ...]) -> Site:
        number = self.site_numbers.setdefault(id(node), len(self.site_numbers))
        site = self.sites.get(number)
        self.reached += 1
        if site is None:
            site = self.sites[number] = Site(number, node, frame.module, frame.function, family, kind, why)
        if frame.loops:
            site.loop = frame.loops[-1].record
        if frame.conditions and site.condition is None:
            site.condition = (
                ast.unparse(frame.conditions[-1])[:200]
                if isinstance(frame.conditions[-1], ast.AST)
                else frame.conditions[-1]
            )
        site.fanout = site.fanout or frame.fanout
        site.output = site.output or output_name(frame.module.parents, node)
        self.note_repetition(frame, site)
        return site

    def note_repetition(self, frame: Frame, site: Site) -> None:
        caller = frame.caller
        while caller is not None:
            if caller.loops:
                record = caller.loops[-1].record
                found = Loop(kind="caller", line=record.line, target=record.target, iterable=record.iterable)
                if found not in site.repeated_by:
                    site.repeated_by.append(found)
                return
            caller = caller.caller

    def describe(
        self, frame: Frame, site: Site, prompt: tuple[Message, ...], parameters: dict[str, str | int | float | bool]
    ) -> None:
        """Keep the prompt as its own function sees it: what comes from callers stays a variable."""
        if frame.caller is None or not site.prompt:
            if frame.caller is None and site.prompt and self.round > 0:
                return
            site.prompt = frozen(prompt)
            site.parameters = parameters

    # Everything else

    def called_later(self, frame: Frame, node: ast.Call, shape: CallShape) -> Value | None:
        """`executor.submit(f, x)`, `gather(f(x), …)`, `map(f, xs)`: the function they are given is called."""
        for number, (source, value) in enumerate(shape.positional):
            if not any(isinstance(kind, Function | Member | Kind | External) for kind in value.types):
                continue
            given = shape.positional[number + 1 :]
            if shape.verb in ("map", "imap", "starmap", "thread_map", "amap"):
                given = tuple((node_, self.any_member(item)) for node_, item in given)
            later = replace(shape, path=path_of(source), callee=value.types, receiver=frozenset(), positional=given)
            found = recognise.recognise(later, self.catalogue)
            functions = [kind for kind in value.types if isinstance(kind, Function)]
            if functions:
                outer, frame.fanout = frame.fanout, FANOUT.get(shape.verb, frame.fanout)
                result = self.follow(frame, node, functions, later)
                frame.fanout = outer
            elif found is not None:
                result = self.model_call(frame, node, UNKNOWN, later, found)
            else:
                continue
            return Value(box=Box("list", rest=result), origins=result.origins) if "map" in shape.verb else result
        return None

    def passed_on(self, receiver: Value, callee: Value, shape: CallShape) -> Value:
        """The result of code that isn't at hand: it may hold whatever it was given, unless it looks something up."""
        lookup = set(recognise.words_of(shape.verb)) & LOOKUPS or recognise.other_kind(shape, self.catalogue)
        if shape.path[-1:] == ("gather",):
            return Value(box=Box("list", [Element(value) for _, value in shape.positional]))
        origins = receiver.all_origins()
        if not lookup:
            origins |= self.arguments_origins(shape)
        return Value(origins=origins)


LOOKUPS = frozenset(
    "search retrieve execute embed query fetch request requests similarity lookup browse scrape download exec subprocess sql step".split()
)
"""Words of functions whose result is found with what they are given, not made of it."""


def path_of(node: ast.expr) -> tuple[str, ...]:
    """The names of an attribute path, nearest last; a call or subscript in it ends it at the left."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
        while isinstance(node, ast.Subscript | ast.Await):
            node = node.value
    if isinstance(node, ast.Name):
        names.append(node.id)
    elif isinstance(node, ast.Call):
        inner = path_of(node.func)
        names += [f"{inner[-1]}()"] if inner else []
    return tuple(reversed(names))


def is_super(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"


def bind(function: Function, shape: CallShape) -> dict[str, Value]:
    """The parameters that a call gives a value."""
    definition = function.definition
    parameters = (
        definition.parameters[1:] if definition.takes_self and function.bound is not None else definition.parameters
    )
    given = [*function.given, *(value for _, value in shape.positional)]
    names = dict(zip(parameters, given, strict=False))
    spec = definition.node.args
    if spec.vararg is not None and len(given) > len(parameters):
        names[spec.vararg.arg] = Value(box=Box("tuple", [Element(value) for value in given[len(parameters) :]]))
    rest: dict[str, Value] = {}
    for name, _, value in shape.keywords:
        if name == "**":
            rest |= value.box.fields if value.box is not None else {}
        elif name in definition.parameters:
            names[name] = value
        else:
            rest[name] = value
    names |= {name: value for name, value in rest.items() if name in definition.parameters}
    if spec.kwarg is not None:
        names[spec.kwarg.arg] = Value(box=Box("dict", fields=rest))
    return names


def declared_fields(node: ast.ClassDef) -> list[str]:
    return [
        item.target.id for item in node.body if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
    ]


def wrapper_prompt(function: Function, names: dict[str, Value], shape: CallShape) -> tuple[Message, ...]:
    """What a call of a wrapper says itself: the arguments that hold text."""
    wanted = [name for name in names if set(recognise.words_of(name)) & PROMPT_WORDS] or list(names)[:1]
    messages: list[tuple[str, Value]] = []
    for name in sorted(wanted, key=lambda item: "system" not in item):
        messages += prompts.messages_of(names[name], "system" if "system" in name else "")
    return tuple(messages)


PROMPT_WORDS = frozenset(
    "prompt prompts messages message msg msgs query question instruction system content text input history user conversation task".split()
)


def prompts_origins(names: dict[str, Value]) -> frozenset[Origin]:
    found: frozenset[Origin] = frozenset()
    for value in names.values():
        found |= value.all_origins()
    return found


def frozen(prompt: tuple[Message, ...]) -> tuple[Message, ...]:
    """The prompt with every text as pieces, safe from later changes of the lists it came from."""
    return tuple((role, Value(pieces=pieces_of(value), origins=value.all_origins())) for role, value in prompt)


def pieces_of(value: Value) -> tuple[Piece, ...]:
    if value.pieces is not None:
        return value.pieces
    return (
        Hole(value.source if value.source is not None else "", replace(value, box=None, origins=value.all_origins())),
    )


def holes_of(value: Value) -> list[Hole]:
    """The holes of a text, and those of the texts that fill them."""
    found: list[Hole] = []
    pending = list(pieces_of(value))
    while pending and len(found) < 200:
        piece = pending.pop()
        if isinstance(piece, Hole):
            found.append(piece)
            pending += piece.value.pieces or ()
    return found


def output_name(parents: dict[int, ast.AST], node: ast.AST) -> str | None:
    """The name a call's result is assigned to, looked through awaits, attributes and subscripts."""
    for _ in range(8):
        parent = parents.get(id(node))
        if isinstance(parent, ast.Assign):
            return first_name(parent.targets[0])
        if isinstance(parent, ast.AnnAssign | ast.NamedExpr | ast.AugAssign):
            return first_name(parent.target)
        if not isinstance(parent, ast.Await | ast.Attribute | ast.Subscript | ast.Call | ast.withitem):
            return None
        if isinstance(parent, ast.withitem):
            return first_name(parent.optional_vars) if parent.optional_vars is not None else None
        if isinstance(parent, ast.Call) and parent.func is not node:
            return None
        node = parent
    return None


def first_name(target: ast.expr) -> str | None:
    if isinstance(target, ast.Tuple | ast.List) and target.elts:
        return first_name(target.elts[0])
    if isinstance(target, ast.Attribute):
        return target.attr
    return target.id if isinstance(target, ast.Name) else None
