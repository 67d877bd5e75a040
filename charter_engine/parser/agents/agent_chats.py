"""Chats of agents with each other: those that are nested in an agent, and what was said last."""

from __future__ import annotations

from charter_engine.parser.model_calls.catalogue import Catalogue
from charter_engine.parser.model_calls.recognise import CallShape
from charter_engine.parser.teams.team_prompts import chats_of
from charter_engine.parser.teams.teams import asks_itself
from charter_engine.parser.values.candidates import made_in
from charter_engine.parser.values.values import UNKNOWN, Box, Made, Value, moved

CHATTING_TWO = frozenset(("initiate_chat", "a_initiate_chat"))
"""Methods by which an agent talks with another."""

CHATS = "autogen.chats"

NESTED = "nested"
"""Under this name an agent keeps the chats that come before it goes on."""


class AgentChats:
    """Keeps the chats of agents. `said` is what was said last in those of each."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.said: dict[Made, Value] = {}

    def nest(self, receiver: Value, shape: CallShape) -> None:
        """`agent.register_nested_chats(chats, trigger=other)`: what the other says goes through the
        chats before it is answered. Where the agent asks no model, the other has their answer."""
        trigger = shape.argument(1, "trigger") or UNKNOWN
        speakers = [
            made
            for value in (receiver, trigger)
            for made in made_in(value)
            if asks_itself(made, self.catalogue.kinds[made.kind])
        ]
        for speaker in speakers[:1]:
            chats = frozenset(chats_in(shape))
            speaker.box.fields[NESTED] = Value(types=chats)

    def keep_said(self, receiver: Value, shape: CallShape, answer: Value) -> None:
        """Keep what two agents said last to each other."""
        if shape.verb in CHATTING_TWO and answer.origins:
            recipient = shape.argument(0, "recipient") or UNKNOWN
            talking = [made for value in (receiver, recipient) for made in made_in(value)]
            self.said |= dict.fromkeys(talking, moved(answer, "history"))

    def said_last(self, receiver: Value, shape: CallShape) -> Value | None:
        """`agent.last_message()`: what was said last in the chats of an agent."""
        if shape.verb != "last_message" or not self.said:
            return None
        return next((self.said[made] for made in made_in(receiver) if made in self.said), None)


def chats_in(shape: CallShape) -> list[Made]:
    """`initiate_chats([{"recipient": …, "message": …}, …])`: the recipients as one team."""
    fields = {str(place): chat["recipient"] for place, chat in enumerate(chats_of(shape))}
    made = next((made for value in fields.values() for made in made_in(value)), None)
    box = Box("object", fields=fields)
    return [Made(CHATS, shape.node, made.module, None, box)] if made is not None else []


def talks_once(shape: CallShape) -> bool:
    """Whether two agents do not go on after the first answer."""
    limits = (value.constant for name, _, value in shape.keywords if name == "max_turns")
    return (1,) in limits
