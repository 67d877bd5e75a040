"""Is this call an LLM call? What the catalogue's families say."""

from __future__ import annotations

import ast
import re
from functools import lru_cache

from msgspec import Struct

from charter_engine.parser.model_calls.catalogue import Catalogue, Evidence, Family
from charter_engine.parser.source.syntax import last_name, use_of
from charter_engine.parser.values.candidates import in_order
from charter_engine.parser.values.values import (
    Box,
    External,
    Kind,
    Member,
    Static,
    Type,
    Value,
)

WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")


NO_NAMES: frozenset[str] = frozenset()


class CallShape(Struct, frozen=True):
    """What is seen of a call: how it is named, what it is called on, what it is given and what
    becomes of it.

    `parents` are those of its module's nodes. `held` is what the receiver holds, where that is
    known; `verb` the last name of the path.
    """

    path: tuple[str, ...]
    callee: frozenset[Type]
    receiver: frozenset[Type]
    positional: tuple[tuple[ast.expr, Value], ...]
    keywords: tuple[tuple[str, ast.expr, Value], ...]
    node: ast.Call
    parents: dict[ast.AST, ast.AST]
    held: Box | None = None
    verb: str = ""

    @property
    def made_with(self) -> frozenset[str]:
        """The names of what the receiver's constructor was given."""
        is_object = self.held is not None and self.held.kind == "object"
        return frozenset(self.held.fields) if is_object and self.held is not None else frozenset()

    @property
    def used_as(self) -> str:
        return use_of(self.parents, self.node)

    @property
    def given(self) -> list[Value]:
        """What the call is given, by place, then by name."""
        given = [value for _, value in self.positional]
        return given + [value for _, _, value in self.keywords] if self.keywords else given

    def argument(self, place: int, name: str) -> Value | None:
        """What the call is given under a name, or in a place; None without either."""
        named = next((value for keyword, _, value in self.keywords if keyword == name), None)
        is_placed = named is None and place < len(self.positional)
        return self.positional[place][1] if is_placed else named

    @property
    def keyword_names(self) -> frozenset[str]:
        return frozenset([name for name, _, _ in self.keywords]) if self.keywords else NO_NAMES


class Recognition(Struct, frozen=True):
    family: Family
    why: str
    by_evidence: bool = False


@lru_cache(maxsize=4096)
def words_of(name: str) -> tuple[str, ...]:
    """`get_responseFromLLM` → get, response, from, llm."""
    return tuple(word.lower() for word in WORDS.findall(name))


def recognise(shape: CallShape, catalogue: Catalogue) -> Recognition | None:
    """The family of a call, or None. Dotted names, then attribute paths, then kinds of
    receivers."""
    if not shape.callee and shape.verb not in catalogue.verbs:
        return None
    return (
        by_function(shape, catalogue)
        or by_path(shape, catalogue)
        or by_kind(shape, catalogue)
        or by_name(shape, catalogue)
    )


def by_function(shape: CallShape, catalogue: Catalogue) -> Recognition | None:
    written = (
        catalogue.family_of_function(".".join(shape.path))
        if len(shape.path) > 1 and not shape.callee
        else None
    )
    if written is not None and not written.url:
        return Recognition(
            written, f"{'.'.join(shape.path)} is a function of the family {written.name}"
        )
    for kind in in_order(shape.callee):
        if isinstance(kind, External):
            family = catalogue.family_of_function(kind.dotted)
            if family is None or (family.url and not posts_to(shape, family)):
                continue
            is_server = bool(family.other_models) and not family.url
            if is_server and not asks_for_text(shape, family):
                continue
            return Recognition(family, f"{kind.dotted} is a function of the family {family.name}")
        if isinstance(kind, Member):
            family = catalogue.family_of_verb(kind.kind, kind.path)
            if family is not None:
                return Recognition(
                    family, f"{kind.path} of a {kind.kind} is a call of the family {family.name}"
                )
        if isinstance(kind, Kind):
            family = catalogue.family_called(kind.name)
            if family is not None:
                return Recognition(family, f"a {kind.name} is called: family {family.name}")
    return None


def by_path(shape: CallShape, catalogue: Catalogue) -> Recognition | None:
    family = catalogue.family_of_path(shape.path) if len(shape.path) > 1 else None
    if (
        family is not None
        and not shape.keyword_names & set(family.not_keywords)
        and not other_kind(shape, catalogue)
    ):
        return Recognition(
            family, f"the path .{'.'.join(shape.path[-3:])} belongs to the family {family.name}"
        )
    family = catalogue.family_anywhere(shape.verb) if len(shape.path) > 1 else None
    is_asked = family is not None and (not family.url or posts_to(shape, family))
    if family is not None and is_asked and not asks_for_other(shape, family):
        return Recognition(family, f".{shape.verb} belongs to the family {family.name}")
    return None


def other_kind(shape: CallShape, catalogue: Catalogue) -> str | None:
    """The look-alike's kind, where the receiver is known to be one. A model that a look-alike holds
    is none, nor is what may be a model as well."""
    if not shape.receiver:
        return None
    others: list[str] = []
    for kind in in_order(shape.receiver):
        if isinstance(kind, Kind):
            name, held = kind.name, ""
        elif isinstance(kind, Member):
            name, held = kind.kind, kind.path.rpartition(".")[2]
        else:
            continue
        if catalogue.is_model(name):
            return None
        if not (held and names_model(held, catalogue)):
            others.append(name)
    return others[0] if others else None


@lru_cache(maxsize=4096)
def names_model(name: str, catalogue: Catalogue) -> bool:
    """Whether a name is a model's (`llm`, `gpt4_client`), not an answer's (`gpt_result`)."""
    words = catalogue.evidence
    parts = words_of(name)
    if words.receiver_strong.isdisjoint(parts):
        return False
    last = parts[-1]
    return last in words.receiver_strong or last not in words.result_names | words.receiver_other


def by_kind(shape: CallShape, catalogue: Catalogue) -> Recognition | None:
    for kind in in_order(shape.receiver):
        if isinstance(kind, Kind):
            family = catalogue.family_of_verb(kind.name, shape.verb)
            if family is not None:
                return Recognition(
                    family, f"the receiver is a {kind.name} and .{shape.verb} asks it"
                )
    return None


def by_name(shape: CallShape, catalogue: Catalogue) -> Recognition | None:
    """A method that frameworks alone have, of what is named after what it runs, wherever that is
    made: `self.team.research_crew().kickoff(inputs={…})`."""
    family = catalogue.family_named_after(shape.verb)
    holder = words_of(shape.path[-2]) if len(shape.path) > 1 else ()
    if family is None or holder[-1:] != (family.named_after,) or other_kind(shape, catalogue):
        return None
    return Recognition(
        family,
        f"`{shape.path[-2]}` is named after a {family.named_after}, which .{shape.verb} runs",
    )


def asks_for_other(shape: CallShape, family: Family) -> bool:
    """Whether what a server of all kinds of models is asked for is something other than text, by
    the name of the model or by what that is given."""
    if not family.other_models:
        return False
    fields = body_of(shape, family)
    named = models_named(shape, fields) + [value for _, value in shape.positional[:1]]
    if any(re.search(family.other_models, written_in(value)) for value in named):
        return True
    return "messages" not in fields and not fields.keys().isdisjoint(family.other_inputs)


def tells_model(shape: CallShape, family: Family) -> bool:
    """Whether a name of the model stands in a call."""
    return any(map(written_in, models_named(shape, body_of(shape, family))))


def body_of(shape: CallShape, family: Family) -> dict[str, Value]:
    """The fields of what a call gives a model."""
    given = (value for name, _, value in shape.keywords if name in family.prompt)
    return {name: held for value in given for name, held in fields_within(value).items()}


def models_named(shape: CallShape, fields: dict[str, Value]) -> list[Value]:
    """What a call, or the body of its request, names its model by."""
    named = [value for name, _, value in shape.keywords if name in MODELS]
    return named + [value for name, value in fields.items() if name in MODELS]


def asks_for_text(shape: CallShape, family: Family) -> bool:
    """Whether a server of all kinds of models is asked for text: it isn't for anything else, and a
    prompt, or a model's name without more, says so."""
    if asks_for_other(shape, family):
        return False
    given = next((value for name, _, value in shape.keywords if name in family.prompt), None)
    fields = fields_within(given) if given is not None else {}
    if not fields:
        return bool(shape.positional and written_in(shape.positional[0][1]))
    return not fields.keys().isdisjoint(PROMPTS)


MODELS = frozenset("model modelId model_id model_name".split())
"""What a call names its model by."""

PROMPTS = frozenset(("prompt", "messages"))


def written_in(value: Value) -> str:
    """What stands in the source of a text."""
    return "".join(piece.text for piece in value.pieces or () if isinstance(piece, Static))


def posts_to(shape: CallShape, family: Family) -> bool:
    """Whether a text among the arguments is the address of a completion endpoint, or the body asks
    for a completion; not where the address is that of something else."""
    addresses = addresses_in(shape, whole=False)
    if any(is_other(address, family) for address in addresses):
        return False
    bodies = [value for name, _, value in shape.keywords if name in family.prompt]
    if any(asks_completion(value) for value in bodies):
        return True
    if any(asks_nothing(value) for value in bodies):
        return False
    return any(re.search(family.url, address) for address in addresses)


def asks_nothing(body: Value) -> bool:
    """Whether a body is known, and nothing in it is said to a model."""
    box = body.box
    is_known = box is not None and box.kind == "dict" and box.rest is None and bool(box.fields)
    fields = fields_within(body) if is_known else {}
    return bool(fields) and fields.keys().isdisjoint(SAID) and BODY_OPTIONS.isdisjoint(fields)


SAID = frozenset(
    "messages message prompt input inputs contents text_input query question model".split()
)
"""Under these names a request holds what is said to a model, or which one."""


def is_other(address: str, family: Family) -> bool:
    """Whether the last endpoint that an address names makes something other than text:
    `/api/embeddings`, `/v1/messages/count_tokens`."""
    if not family.other_urls:
        return False
    path = HOST.sub("", address).partition("?")[0]
    other = max((found.end() for found in re.finditer(family.other_urls, path)), default=0)
    asked = max((found.end() for found in re.finditer(family.url, path)), default=0)
    return other > 0 and other >= asked


HOST = re.compile(r"^\w+://[^/]*")


def is_open_request(shape: CallShape, family: Family) -> bool:
    """Whether neither address nor body tell what a request asks for: it has a prompt and the name
    of a model, which more than completions take."""
    if any(re.search(family.url, address) for address in addresses_in(shape, whole=False)):
        return False
    bodies = [fields_within(value) for name, _, value in shape.keywords if name in family.prompt]
    return not any(said_in(body) or not TEXT_OPTIONS.isdisjoint(body) for body in bodies)


def names_other_product(name: str, words: Evidence) -> bool:
    """Whether a name says that something other than text is made: `embed`, `generate_image`."""
    parts = words_of(name)
    return not words.other_work.isdisjoint(parts) or (
        len(parts) > 1 and parts[0] in MAKING and parts[-1] in words.other_products
    )


MAKING = frozenset("generate create draw make render synthesize get agenerate".split())
"""First words of the names of functions that have something made."""


def posts_elsewhere(shape: CallShape, family: Family) -> bool:
    """Whether an address among the arguments is another than a completion endpoint's, and no body
    beside it asks for one. A server's own, without a path, may become one."""
    if any(is_other(address, family) for address in addresses_in(shape, whole=False)):
        return True
    if any(asks_to_answer(fields_within(value)) for value in shape.given):
        return False
    found = [address for address in addresses_in(shape, whole=True) if not BASE.fullmatch(address)]
    return bool(found) and not any(re.search(family.url, address) for address in found)


BASE = re.compile(r"\w+://[^/]*(/v\d+)?/?")
"""An address to which a path is added."""


def addresses_in(shape: CallShape, *, whole: bool) -> list[str]:
    """What stands in the source of arguments that may be addresses; `whole`: only of those known at
    their end."""
    values = shape.given
    known = [value.pieces for value in values[:3] if value.pieces]
    texts = [
        "".join(piece.text for piece in pieces if isinstance(piece, Static))
        for pieces in known
        if isinstance(pieces[-1], Static) or not whole
    ]
    return [
        text for text in texts if "/" in text and not any(character.isspace() for character in text)
    ]


def asks_completion(body: Value) -> bool:
    """Whether a request's body, perhaps dumped as JSON, has messages or a prompt beside a model's
    options; what keeps a record of a request that was answered has what that took as well."""
    fields = fields_within(body)
    if not ANSWERED.isdisjoint(fields):
        return False
    said = said_in(fields)
    is_asked = said is not None or "prompt" in fields or "text_input" in fields
    if "inputs" in fields and not CONTINUING.isdisjoint(fields):
        return True
    if said is not None and has_roles(said):
        return True
    return is_asked and not BODY_OPTIONS.isdisjoint(fields) and OTHER_BODIES.isdisjoint(fields)


def asks_to_answer(fields: dict[str, Value]) -> bool:
    """Whether the fields of a body are those of a conversation, which no other endpoint takes."""
    said = said_in(fields)
    if said is None or not ANSWERED.isdisjoint(fields):
        return False
    return "model" in fields or has_roles(said)


def said_in(fields: dict[str, Value]) -> Value | None:
    """The conversation that a body has: `messages`, or the `input` of a request for an answer."""
    is_response = not RESPONSE_OPTIONS.isdisjoint(fields)
    return fields.get("messages") or (fields.get("input") if is_response else None)


BODY_OPTIONS = frozenset(
    "model engine temperature max_tokens max_new_tokens stream stop top_p parameters n_predict "
    "sampling_params".split()
)
TEXT_OPTIONS = frozenset("temperature max_tokens max_new_tokens stop top_p".split())
"""What only a request for text has."""

RESPONSE_OPTIONS = frozenset(
    "tools instructions max_output_tokens reasoning previous_response_id temperature".split()
)
"""What stands beside `input` in a request for an answer, and never in one for an embedding."""

ANSWERED = frozenset(
    "choices prompt_tokens completion_tokens input_tokens output_tokens total_tokens".split()
)
"""What stands in an answer, and in no request for one."""

CONTINUING = frozenset(("max_new_tokens", "return_full_text"))
"""What stands beside `inputs` where a text is to be gone on with, and in no other request."""

OTHER_BODIES = frozenset("size width height voice fps image negative_prompt duration".split())
"""What stands in the body of a request for an image, a voice or a film."""


def fields_within(body: Value, depth: int = 0) -> dict[str, Value]:
    """The fields of a request's body, and those of the objects in it."""
    found: dict[str, Value] = {}
    for name, value in body.box.fields.items() if body.box is not None else ():
        if value.box is not None and value.box.kind != "list" and depth < 3:
            found |= fields_within(value, depth + 1)
        found.setdefault(name, value)
    return found


def has_roles(value: Value) -> bool:
    """Whether a list has messages that say who speaks: by their fields, or as pairs
    (`("system", text)`)."""
    members = list(value.box.members()) if value.box is not None else []
    return any(
        member.box is not None
        and ({"role", "content"} <= set(member.box.fields) or is_said_by(member.box))
        for member in members[:20]
    )


def is_said_by(box: Box) -> bool:
    """Whether a pair is a message, of who says it and a text."""
    first = box.items[0].value.static_text() if box.kind == "tuple" and box.items else None
    return first in SPEAKERS and len(box.items) == 2


SPEAKERS = ("system", "user", "human", "assistant", "ai")


NAMED = (ast.Name, ast.Attribute)

TEXT_OF = ("format", "format_map", "substitute", "safe_substitute", "render", "strip", "replace")
"""Methods that give the text of what they are called on, filled or changed."""


def names_in(node: ast.expr) -> list[str]:
    """The names that say what an argument is: its own, or those that a text is put together
    from."""
    if isinstance(node, NAMED):
        return [last_name(node)]
    if isinstance(node, ast.Call):
        of = node.func.value if isinstance(node.func, ast.Attribute) else None
        is_text = of is not None and last_name(node.func) in TEXT_OF
        return names_in(of if of is not None and is_text else node.func)
    if isinstance(node, ast.Subscript | ast.Await):
        key = getattr(node, "slice", None)
        return names_in(node.value) + ([str(key.value)] if isinstance(key, ast.Constant) else [])
    if isinstance(node, ast.BinOp):
        return names_in(node.left) + names_in(node.right)
    if isinstance(node, ast.List | ast.Tuple):
        return [name for item in node.elts[:4] for name in names_in(item)]
    return []


def named_in(shape: CallShape) -> dict[str, Value]:
    """What a call gives by name, with what it gives by a dict."""
    spread = [value.box.fields for name, _, value in shape.keywords if name == "**" and value.box]
    named = {name: value for name, _, value in shape.keywords if name != "**"}
    return named | {name: value for fields in spread for name, value in fields.items()}


def constructed_box(shape: CallShape) -> Box | None:
    """What an object is made with, by name and place."""
    fields = named_in(shape)
    fields |= {str(number): value for number, (_, value) in enumerate(shape.positional)}
    return Box("object", fields=fields) if fields else None


def is_called(shape: CallShape) -> bool:
    """Whether what is asked is called itself (`agent(text)`), not a method of it."""
    return holds_kind(shape.callee)


def holds_kind(types: frozenset[Type]) -> bool:
    """Whether something of the catalogue is among some types."""
    return Kind in map(type, types)
