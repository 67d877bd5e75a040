"""What code returns that isn't at hand: objects that hold what they are given, and texts."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.interpreting.handed_on import words_handed_on
from charter_engine.parser.model_calls import asking_names, recognise
from charter_engine.parser.model_calls.recognise import CallShape, constructed_box, words_of
from charter_engine.parser.prompts import prompts
from charter_engine.parser.prompts.tokenized import tokenized
from charter_engine.parser.source.syntax import last_name
from charter_engine.parser.values.origins import NOTHING
from charter_engine.parser.values.pieces import static
from charter_engine.parser.values.strings import arguments_origins
from charter_engine.parser.values.values import UNKNOWN, Box, Element, Kind, Type, Value

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator
    from charter_engine.parser.state import Analysis

MESSAGE_MAKERS = frozenset(("Messages", "messages", "ell"))
"""Modules and classes whose functions make a message of the role that they are named after."""

NO_TYPES: frozenset[Type] = frozenset()

PATTERN = Kind("regex.pattern")
"""What `re.compile` makes: what it finds is part of what it is given."""

ENTERING = frozenset(("enter_context", "enter_async_context"))
"""Methods of an `ExitStack` that give what they enter."""

CONVERSIONS = frozenset(
    "asdict dump to message messages convert truncate clean strip encode tokenizer processor "
    "dict format chat apply dumps loads".split()
)
"""Words of functions that hand on a prompt they are given in another shape."""

TEXT_METHODS = frozenset(
    "strip lstrip rstrip format replace lower upper title capitalize copy encode decode "
    "removeprefix removesuffix get pop items values split splitlines join to dict "
    "model_dump".split()
)

CONVERTING = frozenset(("to", "as"))
"""First words of the names of methods that give what they are called on in another shape."""

MESSAGE_CLASSES = {
    "System": "system",
    "Human": "user",
    "User": "user",
    "AI": "assistant",
    "Assistant": "assistant",
    "Tool": "tool",
}

LOOKUPS = frozenset(
    "search retrieve execute embed query fetch request requests urlopen similarity lookup "
    "browse scrape download exec subprocess sql step".split()
)
"""Words of functions whose result is found with what they are given, not made of it."""

MAKING = frozenset("convert build make format to prepare create parse clean normalize".split())
"""First words of functions that make a request or a query, and send none."""

REQUESTS = frozenset("request requests query queries body messages message prompt".split())

DATABASES = frozenset("db database sql postgres sqlite mongo neo4j collection".split())

FINDING = frozenset("get find list select count describe aggregate".split())

LOOKING_UP = Kind("retriever")
"""What finds something: none of that is what it was made with, be it the query."""

DATABASE_QUERY = Kind("database.query")
"""A query of a database: its methods narrow it down or give what it finds."""

QUERY_HOLDERS = frozenset(("objects", "query"))
"""Attributes of a class of records that hold queries of them: Django's, Flask-SQLAlchemy's."""

SESSIONS = DATABASES | {"session"}

CURSORS = frozenset(("find", "aggregate"))
"""Methods of a collection of MongoDB's that give a query of it."""

WRITING = frozenset("create insert upsert add bulk update save".split())
"""First words of a query's methods that hand back what they are given."""

FOUND = frozenset(
    "first last get one scalar scalars earliest latest fetchone fetchall count exists".split()
)
"""First words of a query's methods that give what it finds, and no further query."""


class UnseenCode:
    """Tells what comes back of code that isn't at hand."""

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.program = analysis.program
        self.findings = analysis.findings
        self.evaluator = evaluator

    def passed_on(self, frame: Frame, receiver: Value, callee: Value, shape: CallShape) -> Value:
        """The result of code that isn't at hand, by what is known of its kind or by its names."""
        found = tokenized(receiver, shape)
        return self.told_by_names(frame, receiver, callee, shape) if found is None else found

    def told_by_names(
        self, frame: Frame, receiver: Value, callee: Value, shape: CallShape
    ) -> Value:
        """The result of code that isn't at hand: it may hold whatever it was given, unless it looks
        something up."""
        verb = shape.verb
        if callee.types and self.program.catalogue.asks_person(callee.types):
            return Value()
        if verb in ENTERING and shape.positional:
            return shape.positional[0][1]
        if shape.path[-1:] == ("gather",):
            return Value(box=Box("list", [Element(value) for _, value in shape.positional]))
        if verb == "RunnableSequence":
            return self.evaluator.runnables.in_sequence(frame, shape)
        is_dict = shape.path == ("dict",)
        if verb[:1].isupper() or is_dict or made_message(shape) or is_part_of_text(shape):
            return self.made_object(shape)
        given = arguments_origins(shape)
        if given and self.looks_up(shape):
            given = NOTHING
        if given and not converts(shape):
            given = frozenset(origin for origin in given if origin.chain[0][0] >= 0)
        is_alone = self.gives_answer_alone(receiver, verb)
        held = receiver.origins if is_alone else receiver.all_origins()
        if LOOKING_UP in receiver.types:
            held = NOTHING
        if len(shape.path) == 1:
            held |= callee.origins
        if held and not gives_its_text(verb):
            held = frozenset(origin for origin in held if origin.chain[0][0] >= 0)
        return Value(origins=held | given)

    def gives_answer_alone(self, receiver: Value, verb: str) -> bool:
        """Whether a method of a model's answer, which by others hands back what went in as well,
        gives the answer alone: `result.final_output_as(Report)`."""
        fields = receiver.box.fields if receiver.box is not None else {}
        is_answer = bool(fields) and self.program.catalogue.handing_back.issuperset(fields)
        return is_answer and verb not in fields

    def looks_up(self, shape: CallShape) -> bool:
        """Whether what comes back is found with what is given, not made of it."""
        if PATTERN in shape.receiver or self.sends(shape):
            return False
        named = words_of(shape.verb)
        if named[:1] and named[0] in MAKING and REQUESTS.issuperset(named[1:]):
            return False
        words = (*named, *words_handed_on(shape))
        return (
            not LOOKUPS.isdisjoint(words)
            or asks_database(shape)
            or bool(recognise.other_kind(shape, self.program.catalogue))
        )

    def sends(self, shape: CallShape) -> bool:
        """Whether `urlopen(request)` sends what was made to ask a model."""
        if shape.verb != "urlopen" or not shape.positional:
            return False
        made = [origin.chain[-1][0] for origin in shape.positional[0][1].origins]
        nodes = [self.findings.sites[number].node for number in made if number >= 0]
        return any(
            isinstance(node, ast.Call) and last_name(node.func) == "Request" for node in nodes
        )

    def send(self, box: Box) -> None:
        """`Send("node", {…})` starts a node with a state of its own."""
        target = box.fields.get("node", box.fields.get("0", UNKNOWN)).static_text()
        payload = box.fields.get("arg", box.fields.get("1", UNKNOWN)).box
        if target is not None and payload is not None:
            self.evaluator.states.send(target, payload)

    def made_object(self, shape: CallShape) -> Value:
        """An object of a class that isn't at hand: what its constructor was given, by name and
        place."""
        if shape.verb == "RemoveMessage":
            return Value()
        box = constructed_box(shape)
        if box is None and words_of(shape.verb)[-1:] == ("history",):
            box = Box("object")
        kinds = (
            frozenset((Kind("model"),))
            if asking_names.makes_model(shape.verb, self.program.catalogue)
            else NO_TYPES
        )
        if box is None:
            return Value(types=kinds)
        role = made_message(shape) or next(
            (role for word, role in MESSAGE_CLASSES.items() if shape.verb.startswith(word)), None
        )
        if shape.verb.endswith("Message") and "0" in box.fields and "role" not in box.fields:
            speak_first(box)
        if role is not None and "role" not in box.fields:
            box.fields["role"] = static(role)
        if shape.verb == "Send":
            self.send(box)
        return Value(types=kinds, box=box)


def speak_first(box: Box) -> None:
    """Let a message have the role that it is given before its text: `Message("user", [text])`,
    `ChatMessage(Role.USER, text=text)`."""
    first = box.fields["0"]
    is_role = prompts.role_named(first) in prompts.ROLES
    if is_role and not box.fields.keys().isdisjoint(("1", *prompts.SAID)):
        box.fields["role"] = box.fields.pop("0")
        box.fields |= {"content": box.fields.pop("1")} if "1" in box.fields else {}


def is_part_of_text(shape: CallShape) -> bool:
    """Whether a call makes a message, or a part of one, of a text: `Part.from_text(text=text)`."""
    *_, owner, method = ("", "", *shape.path)
    return method == "from_text" and owner[:1].isupper() and words_of(owner)[-1] in MESSAGES


MESSAGES = ("part", "content", "message")
"""Last words of the names of classes of messages and their parts."""


def made_message(shape: CallShape) -> str | None:
    """The role of what `ChatMessage.from_user(…)`, `BaseMessage.make_user_message(…)` or
    `messages.user(…)` makes; None for any other call."""
    maker = shape.path[-2] if len(shape.path) > 1 else ""
    is_class = maker.endswith("Message")
    if not is_class and maker not in MESSAGE_MAKERS:
        return None
    role = shape.verb.removeprefix("from_").removeprefix("make_").removesuffix("_message")
    if is_class:
        return prompts.ROLES.get(role) if role != shape.verb else None
    return prompts.ROLES.get(role.lower())


def gives_its_text(verb: str) -> bool:
    """Whether a method hands on what its object is, as a text or in another shape: `strip`,
    `to_openai`."""
    return verb in TEXT_METHODS or not CONVERTING.isdisjoint(words_of(verb)[:1])


def converts(shape: CallShape) -> bool:
    """Whether a function hands on what it is given in another shape, by its name."""
    words = words_of(shape.verb)
    return not CONVERSIONS.isdisjoint(words) or "return_tensors" in shape.keyword_names


def asks_database(shape: CallShape) -> bool:
    """Whether a method finds something in a database: `sql_engine.get_schema(tables)`."""
    held = words_of(shape.path[-2]) if len(shape.path) > 1 else ()
    found = words_of(shape.verb)[:1]
    return not DATABASES.isdisjoint(held) and not FINDING.isdisjoint(found)


def queried(shape: CallShape) -> Value | None:
    """What a method of a query of a database gives: rows, or a further query; None for any other
    call."""
    if not is_of_query(shape):
        return None
    is_found = not FOUND.isdisjoint(words_of(shape.verb)[:1])
    return Value(types=NO_TYPES if is_found else frozenset((DATABASE_QUERY,)))


def is_of_query(shape: CallShape) -> bool:
    """Whether a method belongs to a query of a database, of which what it is given becomes no part
    of what is found: `Product.objects.filter(name=name)`, `session.query(Product)`,
    `collection.find(…).sort(…)`."""
    holder = shape.path[-2] if len(shape.path) > 1 else ""
    is_of_class = holder in QUERY_HOLDERS and shape.path[-3:-2] and shape.path[-3][:1].isupper()
    begins = shape.verb == "query" and not SESSIONS.isdisjoint(words_of(holder))
    begins = begins or (shape.verb in CURSORS and asks_database(shape))
    if not (DATABASE_QUERY in shape.receiver or begins or is_of_class):
        return False
    return WRITING.isdisjoint(words_of(shape.verb))
