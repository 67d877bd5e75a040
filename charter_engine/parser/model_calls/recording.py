"""LLM calls as sites: recorded once each, with what every visit of the interpreter tells."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from charter_engine.parser.agents.handed_in import runs_what_is_given, tasks_given
from charter_engine.parser.flows.edge_recorder import Edges, record_fillings
from charter_engine.parser.flows.fanout import SEVERAL
from charter_engine.parser.flows.left_loops import loop_around
from charter_engine.parser.interpreting.frames import Frame, functions_under_way, outermost
from charter_engine.parser.model_calls import evidence
from charter_engine.parser.model_calls.catalogue import Family
from charter_engine.parser.model_calls.findings import Message, Offer, Place, Site, Visit
from charter_engine.parser.model_calls.own_text import is_written
from charter_engine.parser.model_calls.recognise import CallShape, Recognition, addresses_in
from charter_engine.parser.prompts import prompts
from charter_engine.parser.prompts.engine_prompts import asked_by_template, template_given
from charter_engine.parser.prompts.given_fields import filled_whole
from charter_engine.parser.prompts.kept_talks import (
    own_conversation,
    with_input,
    with_talk,
)
from charter_engine.parser.prompts.offered import offers
from charter_engine.parser.prompts.turns import grown_from
from charter_engine.parser.source.symbols import FunctionDefinition
from charter_engine.parser.source.syntax import output_name
from charter_engine.parser.values.origins import Chain, Origin
from charter_engine.parser.values.pieces import holes_of, pieces_of
from charter_engine.parser.values.values import Kind, Value

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator
    from charter_engine.parser.state import Analysis


class SiteRecorder:
    """Records LLM calls."""

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.evaluator = evaluator
        self.program = analysis.program
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
            asked = self.findings.asked_addresses.setdefault(id(node), set())
            asked.update(addresses_in(shape, whole=True))
        given = asked_by_template(receiver, shape)
        given = given or prompts.prompt_of(shape, found.family, frame.turning())
        chain = self.evaluator.edges.chain_to(frame, site)
        talk = self.evaluator.kept_talks.before(frame, site, receiver, shape, found.family, chain)
        site.talk = talk
        given = with_talk(talk, site, given)
        holder = holder_of(receiver, shape)
        self.keep_head(frame, site, offers(shape, found.family, holder))
        kept = prompts.kept_messages(holder, shape)
        whole = filled_whole(holder, shape, talk, site)
        is_whole = whole is not None
        is_whole = is_whole or (fills_template(shape) and any(is_written(part) for _, part in kept))
        kept = whole if whole is not None else kept
        messages = kept if is_whole else prompts.with_given(kept, given)
        if self.findings.visits is None:
            is_filled = is_whole and not any(prompts.has_open_field(part) for _, part in kept)
            reaching = messages if is_filled else (*kept, *given)
            self.record_edges(frame, site, chain, shape, reaching, messages)
        else:
            is_given = runs_what_is_given(receiver, shape)
            self.findings.given_runs |= {site.number} if is_given else set()
            visit = visit_of(frame, site, shape, found.family, messages, is_given)
            self.findings.visits.append(visit)
        self.describe(frame, site, messages, prompts.options_of(shape, found.family))
        self.findings.outputs.add(chain)
        answer = Value(origins=frozenset((Origin(chain),)))
        if found.family.hands_back:
            answer = with_input(answer, given, found.family)
        return answer

    def record_edges(
        self,
        frame: Frame,
        site: Site,
        chain: Chain,
        shape: CallShape,
        reaching: tuple[Message, ...],
        messages: tuple[Message, ...],
    ) -> None:
        """Record which outputs are in what reaches a call, and what they fill in its messages."""
        edges: Edges = {}
        for _, part in reaching:
            self.evaluator.edges.record(frame, chain, part.all_origins(), edges)
        for _, part in messages:
            record_fillings(site, part, edges)
        settled = settled_places(shape, frame)
        site.settled |= settled
        self.note_sent(frame, site, messages, edges, settled)

    def keep_head(self, frame: Frame, site: Site, head: tuple[Offer, ...]) -> None:
        """Keep what a request offers, for the call and for that of a wrapper that leads to it.

        What calls between the two offer is their callers'.
        """
        if frame.caller is None or not site.head:
            site.head = head or site.head
        for number, _ in frame.chain[:1]:
            above = self.findings.sites[number]
            above.head = above.head or head

    def site_for(
        self, frame: Frame, node: ast.Call, family: str, kind: str, why: tuple[str, ...]
    ) -> Site:
        number = self.findings.site_numbers.setdefault(id(node), len(self.findings.site_numbers))
        site = self.findings.sites.get(number)
        self.findings.reached += 1
        is_guess = family == evidence.EVIDENCE.name and frame.caller is None
        if not is_guess or id(node) not in self.findings.leading:
            self.findings.guessed.discard(number)
        if site is None:
            site = self.findings.sites[number] = Site(
                number, node, frame.module, frame.function, family, kind, why
            )
        elif site.family == evidence.EVIDENCE.name != family:
            site.family, site.kind, site.why = family, kind, why
        if frame.loops:
            site.loop = loop_around(frame, node)
            site.turning = frame.loops[-1].node
            site.retries = all(loop.retries for loop in frame.loops)
        elif frame.function is not None:
            site.turning = frame.function.node
        if frame.conditions and site.condition is None:
            site.condition = (
                ast.unparse(frame.conditions[-1])[:200]
                if isinstance(frame.conditions[-1], ast.AST)
                else frame.conditions[-1]
            )
        site.fanout = site.fanout or self.evaluator.repetition.fanout_at(frame, node)
        site.output = site.output or output_name(frame.module.parents, node)
        self.findings.reach_from(self.progress.start, site)
        site.under |= functions_under_way(frame)
        self.evaluator.repetition.note(frame, site)
        return site

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
        is_alone = frame.caller is None or stands_in(frame, outermost(frame).function)
        is_late = any(loop.is_late for loop in frame.loops)
        if site.prompt and (is_late or not is_alone):
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


def stands_in(frame: Frame, function: FunctionDefinition | None) -> bool:
    """Whether a frame is that of a function within another, perhaps of a lambda that this hands to
    what runs it."""
    outer = frame.function.outer if frame.function is not None else None
    while outer is not None and outer is not function:
        outer = outer.outer
    return outer is not None


def visit_of(
    frame: Frame,
    site: Site,
    shape: CallShape,
    family: Family,
    messages: tuple[Message, ...],
    is_given: bool,
) -> Visit:
    """What a visit of a call tells of the function that is judged; `is_given`: the call runs what
    that function is given."""
    sent = own_conversation(shape)
    repeated = any(not loop.retries for loop in frame.all_loops())
    return Visit(
        site.number,
        (*messages, *[("user", tasks) for tasks in tasks_given(shape)]),
        repeated=repeated,
        spread=repeated and site.fanout in SEVERAL,
        keeps_conversation=frame.caller is None and bool(sent),
        own_prompt=(family.own_prompt and not is_given)
        or fills_template(shape)
        or template_given(shape) is not None,
        opens=frame.caller is not None and bool(sent & outermost(frame).stored.keys()),
        conditional=frame.branches > 0,
        runs_given=family.own_prompt and is_given,
    )


def frozen(prompt: tuple[Message, ...]) -> tuple[Message, ...]:
    """The prompt with every text as pieces, safe from later changes of the lists it came from."""
    return tuple(
        (role, Value(pieces=pieces_of(value), origins=value.all_origins(), limit=value.limit))
        for role, value in prompt
    )


def settled_places(shape: CallShape, frame: Frame) -> set[Place]:
    """The holes of messages that were added to a history before the loops under way began; what is
    made as deep in them as the call that sends it is made in each turn."""
    under_way = frame.turning()
    given = shape.given
    boxes = [value.box for value in given if value.box is not None and value.box.kind == "list"]
    return {
        hole.key
        for box in boxes
        if box.depth < frame.certainty
        for element in box.items
        if under_way and element.place and not element.maybe and not element.loops & under_way
        for _, part in prompts.messages_of(element.value, "")
        for hole in holes_of(part)
    }


def fills_template(shape: CallShape) -> bool:
    """Whether the argument is a dict of fields: what they are filled into stands elsewhere."""
    box = prompts.filling_of(shape)
    return (
        box is not None
        and box.kind == "dict"
        and bool(box.fields)
        and not set(box.fields) & {"role", "content", "messages"}
    )


def holder_of(receiver: Value, shape: CallShape) -> Value:
    """What keeps instructions or a template: the object that is called, or the agent that a runner
    is given."""
    if (
        receiver.box is None
        and shape.positional
        and template_given(shape) is None
        and any(isinstance(kind, Kind) for kind in shape.positional[0][1].types)
    ):
        return shape.positional[0][1]
    return receiver
