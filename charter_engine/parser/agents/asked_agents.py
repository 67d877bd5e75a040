"""What models, agents and teams answer, and who keeps the conversation."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from msgspec.structs import replace

from charter_engine.parser.agents.memories import memory_given, memory_held, said_with
from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.model_calls import recognise
from charter_engine.parser.model_calls.catalogue import Family
from charter_engine.parser.model_calls.recognise import CallShape, Recognition
from charter_engine.parser.prompts.kept_talks import keeper_of, talk_of
from charter_engine.parser.teams.speakers import Team
from charter_engine.parser.values.containers import member_of
from charter_engine.parser.values.joining import join
from charter_engine.parser.values.origins import NOTHING
from charter_engine.parser.values.pieces import static
from charter_engine.parser.values.values import Box, Element, Kind, Made, Member, Value, moved

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator
    from charter_engine.parser.state import Analysis


class AgentsAsked:
    """Asks models, agents and teams."""

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.program = analysis.program
        self.findings = analysis.findings
        self.memory = analysis.memory
        self.evaluator = evaluator

    def answered(
        self, frame: Frame, node: ast.Call, asked: Value, shape: CallShape, found: Recognition
    ) -> Value:
        """What a call is answered, in the form in which an agent gives it; what keeps the
        conversation holds it."""
        key = self.talks_under(asked)
        given = only_under(key, shape) if key else shape
        answer = self.asked(frame, node, asked, given, found)
        self.keep_talk(frame, shape, found.family, answer)
        return (
            answered_under(key, answer, given) if key and shape.verb.endswith("invoke") else answer
        )

    def asked(
        self, frame: Frame, node: ast.Call, receiver: Value, shape: CallShape, found: Recognition
    ) -> Value:
        """The answer of a model or an agent, or of a team, of which the first to speak is asked."""
        teams = self.evaluator.teams.run_by(frame, receiver, shape, found)
        if teams and self.findings.are_judged:
            self.evaluator.team_runs.tell_anew(node)
        answer: Value | None = None
        for team in teams:
            answered = self.answer_of(team, frame, node, receiver, shape, found)
            answer = answered if answer is None else join(answer, answered)
        if answer is None:
            answer = self.evaluator.recorder.model_call(frame, node, receiver, shape, found)
        self.evaluator.teams.chats.keep_said(receiver, shape, answer)
        return answer

    def answer_of(
        self,
        team: Team,
        frame: Frame,
        node: ast.Call,
        receiver: Value,
        shape: CallShape,
        found: Recognition,
    ) -> Value:
        runs = self.evaluator.team_runs
        opening, given = runs.opening(receiver, team, shape, found.family)
        answer = self.evaluator.recorder.model_call(frame, node, opening, given, found)
        visits = self.findings.visits
        if visits and len(team.speakers) > 1 and not visits[-1].runs_given:
            visits[-1].own_prompt = True
        return runs.record(frame, node, shape, found, team, answer)

    def talks_under(self, asked: Value) -> str:
        """The key under which an agent is given a conversation and answers; empty: none."""
        kinds = self.program.catalogue.kinds
        made = {one.kind for one in asked.types if isinstance(one, Made)}
        made = made or {one.name for one in asked.types if isinstance(one, Kind)} & kinds.keys()
        keys = {kinds[name].answers_under for name in made}
        return keys.pop() if len(keys) == 1 else ""

    def keep_talk(self, frame: Frame, shape: CallShape, family: Family, answer: Value) -> None:
        """Let what keeps the conversation of a call hold its answer: what is called, or what it is
        given for that."""
        unseen = self.evaluator.kept_talks.unseen(frame, shape, family)
        if unseen is not None:
            unseen.rest = join(unseen.rest, moved(answer, "history"), "history")
        talk = talk_of(shape, family)
        memory = memory_given(shape, family, self.program.catalogue)
        if self.evaluator.kept_talks.remembers(shape):
            talk = keeper_of(shape)
            memory = memory_held(shape, self.program.catalogue)
        if memory is not None and memory.box is not None:
            for said in said_with(shape, family, answer):
                added = member_of(frame, memory.box, said, shape.node)
                self.memory.add_item(memory.box, added)
            return
        match talk:
            case ast.Name() | ast.Attribute() | ast.Subscript(value=ast.Name()):
                kept = self.evaluator.evaluate(frame, talk)
                if kept.constant != (None,):
                    answers = moved(answer, "history").origins
                    self.evaluator.assigner.keep(frame, talk, kept.with_origins(answers))

    def asked_beside(
        self, frame: Frame, node: ast.Call, receiver: Value, shape: CallShape
    ) -> Value | None:
        """What an SDK's client returns that a receiver may be as well, beside an object of a class
        at hand."""
        members = frozenset(kind for kind in shape.callee if type(kind) is Member)
        if not members:
            return None
        known = frozenset(kind for kind in shape.receiver if isinstance(kind, Kind | Member))
        others = replace(shape, callee=members, receiver=known)
        found = recognise.recognise(others, self.program.catalogue)
        if found is None:
            return None
        return self.evaluator.recorder.model_call(frame, node, receiver, shape, found)


def only_under(key: str, shape: CallShape) -> CallShape:
    """A call of an agent without what it is given beside the conversation, which it doesn't say:
    `agent.invoke(state)`."""
    if not shape.positional:
        return shape
    (source, value), *others = shape.positional
    held = value.box
    if held is None or held.kind != "dict" or "input" in held.fields:
        return shape
    if held.rest is not None and key not in held.fields:
        return shape
    said = {key: held.fields[key]} if key in held.fields else {}
    talk = replace(value, box=Box("dict", fields=said), origins=NOTHING)
    return replace(shape, positional=((source, talk), *others))


def answered_under(key: str, answer: Value, shape: CallShape) -> Value:
    """The answer of an agent as the dict in which it gives that, behind the conversation that it
    was given."""
    if answer.box is not None:
        return answer
    said = Value(origins=answer.origins)
    state = shape.positional[0][1].box if shape.positional else None
    talk = state.fields.get(key) if state is not None else None
    if talk is not None and talk.box is not None and talk.box.kind == "list":
        message = Value(box=Box("object", fields={"role": static("assistant"), "content": said}))
        items = [*talk.box.items, Element(message, place=shape.node.lineno)]
        whole = Value(box=Box("list", items, rest=talk.box.rest))
        return Value(box=Box("dict", fields={key: whole}, rest=said))
    return replace(answer, box=Box("dict", fields={key: said}, rest=said))
