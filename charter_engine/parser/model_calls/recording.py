"""LLM calls as sites: recorded once each, with what every visit of the interpreter tells of prompt,
loops and edges."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from msgspec.structs import replace

from charter_engine.contracts.graph import Carried, Loop
from charter_engine.parser.agents.handed_in import runs_what_is_given, tasks_given
from charter_engine.parser.agents.memories import memory_held
from charter_engine.parser.flows.edges import (
    EARLIER_RUN,
    best_flow,
    edge_between,
    is_of_round,
    loops_since,
)
from charter_engine.parser.flows.fanout import BATCHES, SEVERAL
from charter_engine.parser.graphs.inner_graphs import builder_run
from charter_engine.parser.graphs.routed_forks import is_shut_out
from charter_engine.parser.graphs.threads import begins_anew, is_of_this_turn, thread_of
from charter_engine.parser.interpreting.frames import Frame, functions_under_way, outermost
from charter_engine.parser.interpreting.recursions import recursion_of
from charter_engine.parser.model_calls import evidence, recognise
from charter_engine.parser.model_calls.catalogue import Family, KindRule
from charter_engine.parser.model_calls.findings import Message, Offer, Place, Site, Visit
from charter_engine.parser.model_calls.recognise import CallShape, Recognition
from charter_engine.parser.prompts import prompts
from charter_engine.parser.prompts.engine_prompts import asked_by_template
from charter_engine.parser.prompts.offered import offers
from charter_engine.parser.prompts.turns import grown_from
from charter_engine.parser.source.symbols import ClassDefinition, FunctionDefinition
from charter_engine.parser.source.syntax import last_name, output_name
from charter_engine.parser.values.origins import Chain, Origin
from charter_engine.parser.values.pieces import pieces_of
from charter_engine.parser.values.values import UNKNOWN, Box, Hole, Kind, Static, Value, moved

if TYPE_CHECKING:
    from charter_engine.parser.state import Analysis


Edge = tuple[int, int, Carried]
"""From one site to another."""

Edges = dict[Chain, Edge | None]
"""What each output amounts to as an edge to the call that is recorded."""


class SiteRecorder:
    """Records LLM calls, and the edges between them."""

    def __init__(self, analysis: Analysis) -> None:
        self.program = analysis.program
        self.memory = analysis.memory
        self.findings = analysis.findings
        self.progress = analysis.progress

    def model_call(
        self, frame: Frame, node: ast.Call, receiver: Value, shape: CallShape, found: Recognition
    ) -> Value:
        kind = (
            "wrapper"
            if found.by_evidence and not evidence.is_client(shape, self.program.catalogue)
            else "sdk"
        )
        site = self.site_for(frame, node, found.family.name, kind, (found.why,))
        if found.family.url:
            self.findings.posts[id(node)] = found
        under_way = frame.turning()
        given = asked_by_template(receiver, shape)
        given = given or prompts.prompt_of(shape, found.family, under_way)
        chain = self.chain_to(frame, site)
        is_kept = self.remembers(shape)
        talk = receiver if is_kept else continued(shape, found.family)
        talk = self.of_thread(frame, site, talk, shape, chain) if is_kept else talk
        memory = memory_held(shape, self.program.catalogue) if is_kept else None
        if memory is not None:
            held = moved(Value(origins=memory.all_origins()), "history")
            talk = replace(receiver, origins=held.origins)
        given = with_talk(talk, site, given)
        holder = holder_of(receiver, shape)
        self.keep_head(frame, site, offers(shape, found.family, holder))
        kept = prompts.kept_messages(holder, shape)
        is_whole = fills_template(shape) and any(is_written(part) for _, part in kept)
        messages = kept if is_whole else prompts.with_given(kept, given)
        is_filled = is_whole and not any(prompts.has_open_field(part) for _, part in kept)
        if self.findings.visits is None:
            edges: Edges = {}
            for _, part in messages if is_filled else (*kept, *given):
                self.record_edges(frame, chain, part.all_origins(), edges)
            for _, part in messages:
                record_fillings(site, part, edges)
            settled = settled_places(shape, under_way)
            site.settled |= settled
            self.note_sent(frame, site, messages, edges, settled)
        else:
            sent = own_conversation(shape)
            keeps = frame.caller is None and bool(sent)
            opens = frame.caller is not None and bool(sent & outermost(frame).stored.keys())
            repeated = any(not loop.retries for loop in frame.all_loops())
            spread = repeated and site.fanout in SEVERAL
            is_given = runs_what_is_given(receiver, shape)
            self.findings.given_runs |= {site.number} if is_given else set()
            is_hidden = found.family.own_prompt
            own = (is_hidden and not is_given) or fills_template(shape)
            said = (*messages, *[("user", tasks) for tasks in tasks_given(shape)])
            is_branch = frame.branches > 0
            runs_given = is_hidden and is_given
            visit = Visit(
                site.number, said, repeated, spread, keeps, own, opens, is_branch, runs_given
            )
            self.findings.visits.append(visit)
        self.describe(frame, site, messages, prompts.options_of(shape, found.family))
        self.findings.outputs.add(chain)
        answer = Value(origins=frozenset((Origin(chain),)))
        if found.family.hands_back:
            answer = with_input(answer, given, found.family)
        return answer

    def keep_head(self, frame: Frame, site: Site, head: tuple[Offer, ...]) -> None:
        """Keep what a request offers, for the call and for that of a wrapper that leads to it.

        What calls between the two offer is their callers'.
        """
        if frame.caller is None or not site.head:
            site.head = head or site.head
        for number, _ in frame.chain[:1]:
            above = self.findings.sites[number]
            above.head = above.head or head

    def remembers(self, shape: CallShape) -> bool:
        """Whether what is called keeps what it was asked and answered before."""
        is_itself = is_called(shape)
        asked = shape.callee if is_itself else shape.receiver
        verb = CALLED if is_itself else shape.verb
        kinds = (kind for kind in asked if isinstance(kind, Kind))
        rules = (self.program.catalogue.kinds[kind.name] for kind in kinds)
        return any(verb in rule.remembers and is_told_to(rule, shape) for rule in rules)

    def of_thread(
        self, frame: Frame, site: Site, talk: Value, shape: CallShape, chain: Chain
    ) -> Value:
        """Of what an object keeps, what was said in the thread that a call names."""
        site.thread = thread_of(shape)
        is_new = begins_anew(frame, shape)
        said = [
            origin
            for origin in talk.origins
            if self.is_of_one_thread(origin, site)
            and (not is_new or is_of_this_turn(origin, chain))
        ]
        return talk if len(said) == len(talk.origins) else replace(talk, origins=frozenset(said))

    def is_of_one_thread(self, origin: Origin, site: Site) -> bool:
        number = origin.chain[-1][0]
        other = self.findings.sites[number].thread if number >= 0 else ""
        return not other or not site.thread or other == site.thread

    def chain_to(self, frame: Frame, site: Site) -> Chain:
        return (*frame.chain, (site.number, loops_since(frame, frame.chain, self.progress.round)))

    def record_edges(
        self, frame: Frame, chain: Chain, origins: frozenset[Origin], known: Edges
    ) -> None:
        """Add an edge for every output among `origins`; `known` keeps what each amounted to.

        One that comes by other ways than a graph's state alone is not judged by the graph.
        """
        for origin in sorted(origins, key=lambda origin: origin.how == "state"):
            if origin.chain[0][0] < 0:
                continue
            if origin.chain not in known:
                known[origin.chain] = self.edge_from(frame, origin, chain)
            edge = known[origin.chain]
            if edge is not None:
                source, target, carried = edge
                if target in self.findings.sites[source].via:
                    source, carried = target, "loop"
                edges = self.findings.sites[target].edges
                edges[source, carried] = best_flow(edges.get((source, carried)), origin.how)

    def edges_to(self, frame: Frame, chain: Chain, value: Value) -> Edges:
        """What each output in a value would amount to as an edge."""
        made = (origin for origin in value.all_origins() if origin.chain[0][0] >= 0)
        return {origin.chain: self.edge_from(frame, origin, chain) for origin in made}

    def edge_from(self, frame: Frame, origin: Origin, chain: Chain) -> Edge | None:
        if frame.elsewhere and self.findings.outputs.is_elsewhere(origin.chain, frame.elsewhere):
            return None
        edge = edge_between(origin.chain, chain, self.apart)
        if edge is None or edge[2] == "data":
            return edge
        source, target = self.node_of(edge[0]), self.node_of(edge[1])
        if source is not None and target is not None:
            return self.in_flow(edge, source, target)
        if target is not None and origin.how == "state":
            return edge[0], edge[1], "data"
        is_in_run = origin.how == "state" and not is_of_round(origin, EARLIER_RUN)
        return self.in_graph(edge) if is_in_run else edge

    def apart(self, source: int, target: int) -> bool:
        """Whether one of two sites is inside a wrapper and the other is not under it: what a
        wrapper is given belongs to the calls of the wrapper."""
        if self.is_internal(source) == self.is_internal(target):
            return False
        inside, other = (source, target) if self.is_internal(source) else (target, source)
        return self.findings.sites[inside].function not in self.findings.sites[other].under

    def in_graph(self, edge: Edge) -> Edge | None:
        """An edge to a later turn that a graph's state carries: only within a cycle of the graph,
        and only to what the source leads to. Where a function stands in the graph that isn't known
        to be in it, nobody can tell."""
        if self.program.graph is None:
            return edge
        source, target, _ = edge
        pairs = [
            (first, second)
            for first in self.findings.sites[source].starts
            for second in self.findings.sites[target].starts
        ]
        if not any(self.program.graph.nodes_of(first) for first, _ in pairs):
            return source, target, "loop" if source == target else "data"
        groups = self.program.cycles
        if any(first in group and second in group for first, second in pairs for group in groups):
            return edge
        is_ahead = any(second in self.program.leads.get(first, ()) for first, second in pairs)
        return (source, target, "data") if is_ahead else None

    def in_flow(self, edge: Edge, source: ClassDefinition, target: ClassDefinition) -> Edge | None:
        """An edge that the store of a flow carries: to a later turn only where the flow leads
        round."""
        flows = self.program.flows
        if source is target and edge[0] == edge[1]:
            return edge if flows.goes_round(source) else None
        if target not in flows.led_to(source):
            return None
        is_back = source in flows.led_to(target)
        return edge if is_back else (edge[0], edge[1], "data")

    def node_of(self, number: int) -> ClassDefinition | None:
        """The node of a flow that a site belongs to."""
        if not self.program.flows.bases:
            return None
        owners = {item.owner for item in self.findings.sites[number].under}
        return next((one for one in self.program.flows.bases if one in owners), None)

    def site_for(
        self, frame: Frame, node: ast.Call, family: str, kind: str, why: tuple[str, ...]
    ) -> Site:
        number = self.findings.site_numbers.setdefault(id(node), len(self.findings.site_numbers))
        site = self.findings.sites.get(number)
        self.findings.reached += 1
        self.findings.guessed.discard(number)
        if site is None:
            site = self.findings.sites[number] = Site(
                number, node, frame.module, frame.function, family, kind, why
            )
        elif site.family == evidence.EVIDENCE.name != family:
            site.family, site.kind, site.why = family, kind, why
        if frame.loops:
            site.loop = frame.loops[-1].record
            site.turning = frame.loops[-1].node
        elif frame.function is not None:
            site.turning = frame.function.node
        if frame.conditions and site.condition is None:
            site.condition = (
                ast.unparse(frame.conditions[-1])[:200]
                if isinstance(frame.conditions[-1], ast.AST)
                else frame.conditions[-1]
            )
        site.fanout = site.fanout or self.fanout_at(frame, node)
        site.output = site.output or output_name(frame.module.parents, node)
        site.starts.add(self.progress.start)
        site.under |= functions_under_way(frame)
        self.note_repetition(frame, site)
        return site

    def fanout_at(self, frame: Frame, node: ast.Call) -> str | None:
        """How a call runs beside others."""
        if last_name(node.func) in BATCHES:
            return "batch"
        function = outermost(frame).function
        if function is not None and self.program.flows.is_parallel(function):
            return "gather"
        start = self.progress.start
        sent = self.memory.beside.get(start) or ("send" if start in self.program.spread else None)
        known = self.program.forked.get(start, ())
        own = frame.function if frame.caller is None else None
        is_forked = not all(is_shut_out(own, node, one) for one in known)
        beside = sent or ("fork" if is_forked else None)
        return frame.fanout or frame.spread or (None if frame.chain else beside)

    def note_repetition(self, frame: Frame, site: Site) -> None:
        function = outermost(frame).function
        if function is not None and function.owner in self.program.flows.bases:
            self.note_turns(function, site)
        for group in self.program.cycles:
            names = {self.progress.start, *((function.qualname,) if function is not None else ())}
            name = next(iter(sorted(names & group)), None)
            if name is not None and not any(loop.kind == "cycle" for loop in site.repeated_by):
                line = self.program.line_of(name)
                site.repeated_by.append(Loop(kind="cycle", line=line))
        is_told = any(loop.kind == "cycle" for loop in site.repeated_by)
        if not is_told and (turning := self.turning_around(frame)) is not None:
            site.repeated_by.append(turning)
        recursion = recursion_of(frame, self.memory.recursions)
        is_new = recursion is not None and recursion not in site.repeated_by
        if recursion is not None and is_new and self.findings.are_judged:
            site.repeated_by.append(recursion)
        site.repeated_by += [loop for loop in self.run_in() if loop not in site.repeated_by]
        caller = frame.caller
        while caller is not None:
            if caller.loops and caller.loops[-1].record.kind != "cycle":
                record = caller.loops[-1].record
                found = Loop(
                    kind="caller", line=record.line, target=record.target, iterable=record.iterable
                )
                if found not in site.repeated_by:
                    site.repeated_by.append(found)
                return
            caller = caller.caller

    def turning_around(self, frame: Frame | None) -> Loop | None:
        """The handler nearest to a call that messages come back to, as the framework's own loop."""
        while frame is not None and frame.function not in self.findings.turning:
            frame = frame.caller
        if frame is None or frame.function is None:
            return None
        return Loop(kind="cycle", line=frame.function.node.lineno)

    def note_graph_run(self, frame: Frame, node: ast.Call) -> None:
        """Keep in which loop a state graph is run, which repeats its nodes."""
        turning = [loop.record for loop in frame.all_loops() if not loop.retries]
        graph = self.program.graph
        run = builder_run(graph, frame.module, node) if graph is not None else ""
        loops = self.findings.graph_loops.setdefault(run, [])
        if turning and turning[-1] not in loops:
            loops.append(turning[-1])

    def run_in(self) -> list[Loop]:
        """The loops in which the graph is run that the function is of which an analysis started;
        those of graphs that aren't told apart are any's."""
        graph = self.program.graph
        if graph is None or not graph.nodes_of(self.progress.start):
            return []
        told = graph.builders.keys
        return [
            replace(loop, kind="caller")
            for run, loops in self.findings.graph_loops.items()
            if run not in told or self.progress.start in graph.inside_of([run])
            for loop in loops
        ]

    def note_turns(self, method: FunctionDefinition, site: Site) -> None:
        """Keep how a node of a flow is repeated: by the flow, or for each member of a list."""
        owner = method.owner
        assert owner is not None
        flows = self.program.flows
        found: list[Loop] = []
        if flows.goes_round(owner):
            found.append(Loop(kind="cycle", line=owner.node.lineno))
        if flows.is_batch(method):
            target = method.parameters[1] if len(method.parameters) > 1 else ""
            found.append(Loop(kind="caller", line=owner.node.lineno, target=target))
        site.repeated_by += [loop for loop in found if loop not in site.repeated_by]

    def describe(
        self,
        frame: Frame,
        site: Site,
        prompt: tuple[Message, ...],
        parameters: dict[str, str | int | float | bool],
    ) -> None:
        """Keep the prompt as its own function sees it: what comes from callers stays a variable.

        Once all functions were followed, it may hold more than in the first turn, but not other
        things.
        """
        is_alone = frame.caller is None
        if site.prompt and not is_alone:
            return
        seen = frozen(prompt)
        if site.prompt and self.progress.round > 0:
            is_grown = grown_from(site.opening, site.prompt) is not None
            if not is_grown and grown_from(site.prompt, seen):
                site.prompt = seen
            return
        if is_alone and not site.is_alone:
            site.is_alone, site.opening = True, ()
        site.opening = site.opening or seen
        site.prompt = seen
        site.parameters = parameters

    def note_sent(
        self,
        frame: Frame,
        site: Site,
        messages: tuple[Message, ...],
        edges: Edges,
        settled: set[Place],
    ) -> None:
        """Keep what a wrapper's call comes to at a client's call, where the function that the
        analysis started with calls it."""
        while frame.caller is not None and frame.caller.caller is not None:
            frame = frame.caller
        if frame.caller is None or not frame.caller.chain:
            return
        outer = self.findings.sites[frame.caller.chain[0][0]]
        outer.settled |= settled
        for _, part in messages:
            record_fillings(outer, part, edges)
        seen = frozen(messages)
        first, later = outer.sent.setdefault(site.number, (seen, seen))
        if grown_from(first, later) is None and grown_from(first, seen):
            outer.sent[site.number] = first, seen

    def is_internal(self, number: int) -> bool:
        """Whether a site is inside a wrapper, or a lambda of one, that the sources call: the calls
        stand for it."""
        function = self.findings.sites[number].function
        while (
            function is not None
            and function not in self.findings.wrappers
            and isinstance(function.node, ast.Lambda)
        ):
            function = function.outer
        return function in self.findings.wrappers and (
            self.progress.round == 0 or function in self.findings.called_wrappers
        )


def frozen(prompt: tuple[Message, ...]) -> tuple[Message, ...]:
    """The prompt with every text as pieces, safe from later changes of the lists it came from."""
    return tuple(
        (role, Value(pieces=pieces_of(value), origins=value.all_origins(), limit=value.limit))
        for role, value in prompt
    )


def settled_places(shape: CallShape, under_way: frozenset[int]) -> set[Place]:
    """The holes of messages that were added to a history before the loops under way began."""
    given = shape.given
    boxes = [value.box for value in given if value.box is not None and value.box.kind == "list"]
    return {
        hole.key
        for box in boxes
        for element in box.items
        if under_way and element.place and not element.maybe and not element.loops & under_way
        for _, part in prompts.messages_of(element.value, "")
        for hole in holes_of(part)
    }


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


def continued(shape: CallShape, family: Family) -> Value:
    """The answers whose conversation a call goes on from: one that the server keeps, or that the
    framework hands back."""
    names = (*CONTINUED, *family.talks_in)
    given = {name: value for name, _, value in shape.keywords}
    for name in family.prompt if family.url else ():
        given |= recognise.fields_within(given.get(name, UNKNOWN))
    value = next((given[name] for name in names if name in given), UNKNOWN)
    return moved(Value(origins=value.all_origins()), "history")


CALLED = "__call__"
"""The method by which an object itself is called."""


def is_called(shape: CallShape) -> bool:
    """Whether what is asked is called itself (`agent(text)`), not a method of it."""
    return any(isinstance(kind, Kind) for kind in shape.callee)


def talk_of(shape: CallShape, family: Family) -> ast.expr | None:
    """What holds the conversation that a call goes on with: `talk` of `conversation=talk.id`."""
    for name, node, _ in shape.keywords:
        if name in family.talks_in:
            is_key = isinstance(node, ast.Attribute) and node.attr == "id"
            held = node.value if is_key and isinstance(node, ast.Attribute) else node
            return held if isinstance(held, ast.Name | ast.Attribute) else None
    return None


CONTINUED = ("previous_response_id", "previous_interaction_id", "message_history")


def with_talk(talk: Value, site: Site, given: tuple[Message, ...]) -> tuple[Message, ...]:
    """What a call sends: what the `talk` before it holds, behind its own instructions."""
    rules = tuple(message for message in given if message[0] == "system")
    said = tuple(message for message in given if message[0] != "system")
    return (*rules, *remembered(talk, site, said), *said)


def remembered(receiver: Value, site: Site, given: tuple[Message, ...]) -> tuple[Message, ...]:
    """What an object that keeps its conversation sends before what it is `given`: the answers that
    it got, and if this call was among those, what that asked. So do servers that keep one."""
    before = frozenset(origin for origin in receiver.origins if origin.chain[0][0] >= 0)
    if not before:
        return ()
    again = any(number == site.number for origin in before for number, _ in origin.chain)
    return (*(given if again else ()), ("assistant", Value(origins=before)))


def with_input(answer: Value, given: tuple[Message, ...], family: Family) -> Value:
    """An answer that can hand back what went in as well: `made.to_input_list()`."""
    origins = answer.origins.union(*(part.all_origins() for _, part in given))
    whole = moved(Value(origins=origins), "history")
    return replace(answer, box=Box("object", fields=dict.fromkeys(family.hands_back, whole)))


def own_conversation(shape: CallShape) -> set[str]:
    """The arguments that are `self.messages` or the like: conversations that the object keeps."""
    given = [node for node, _ in shape.positional] + [
        node for name, node, _ in shape.keywords if "message" in name or "input" in name
    ]
    return {
        f"self.{node.attr}"
        for node in given
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
        and set(recognise.words_of(node.attr)[-1:]) & HISTORY
    }


HISTORY = frozenset(
    "messages history conversation context chat memory dialogue log thread buffer list".split()
)


def is_written(value: Value) -> bool:
    """Whether some of a text stands in the source."""
    return any(isinstance(piece, Static) for piece in value.pieces or ())


def fills_template(shape: CallShape) -> bool:
    """Whether the argument is a dict of fields: what they are filled into stands elsewhere."""
    box = prompts.filling_of(shape)
    return (
        box is not None
        and box.kind == "dict"
        and bool(box.fields)
        and not set(box.fields) & {"role", "content", "messages"}
    )


def is_told_to(rule: KindRule, shape: CallShape) -> bool:
    """Whether an object keeps what was said: always, where one of its arguments says so, or where
    it is given what keeps that."""
    fields = shape.held.fields if shape.held is not None else {}
    told = [fields[name].constant for name in rule.remembers_with if name in fields]
    kept = [fields[name].constant for name in rule.remembers_by if name in fields]
    is_always = not rule.remembers_with and not rule.remembers_by
    return is_always or (True,) in told or any(one not in NOTHING_KEPT for one in kept)


NOTHING_KEPT = ((None,), (False,))


def holder_of(receiver: Value, shape: CallShape) -> Value:
    """What keeps instructions or a template: the object that is called, or the agent that a runner
    is given."""
    if (
        receiver.box is None
        and shape.positional
        and any(isinstance(kind, Kind) for kind in shape.positional[0][1].types)
    ):
        return shape.positional[0][1]
    return receiver


def record_fillings(site: Site, value: Value, edges: Edges) -> None:
    """Keep which outputs fill the holes of a prompt."""
    for piece in holes_of(value):
        for origin in piece.value.all_origins():
            edge = edges.get(origin.chain)
            if edge is not None and edge[1] == site.number:
                site.fillings.setdefault(piece.key, {})[origin.chain] = edge[0], edge[2]
