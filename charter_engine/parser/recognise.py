"""Is this call an LLM call? The catalogue's families first; then the evidence of names, arguments and use."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import lru_cache

from charter_engine.parser.catalogue import Catalogue, Evidence, Family
from charter_engine.parser.values import External, Hole, Kind, Member, Static, Type, Value

WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
ENOUGH = 5
"""Evidence that makes a call: say, a model's receiver (2), a prompt (2) and an asking verb (1)."""


@dataclass(frozen=True, slots=True)
class CallShape:
    """What is seen of a call: how it is named, what it is called on, what it is given and what becomes of it.

    `made_with` names what the receiver's constructor was given, where that is known.
    """

    path: tuple[str, ...]
    callee: frozenset[Type]
    receiver: frozenset[Type]
    positional: tuple[tuple[ast.expr, Value], ...]
    keywords: tuple[tuple[str, ast.expr, Value], ...]
    used_as: str = ""
    made_with: frozenset[str] = frozenset()

    @property
    def verb(self) -> str:
        return self.path[-1] if self.path else ""

    @property
    def keyword_names(self) -> frozenset[str]:
        return frozenset(name for name, _, _ in self.keywords)


@dataclass(frozen=True, slots=True)
class Recognition:
    family: Family
    why: str
    by_evidence: bool = False


@lru_cache(maxsize=4096)
def words_of(name: str) -> tuple[str, ...]:
    """`get_responseFromLLM` → get, response, from, llm."""
    return tuple(word.lower() for word in WORDS.findall(name))


def recognise(shape: CallShape, catalogue: Catalogue) -> Recognition | None:
    """The family of a call, or None. Dotted names, then attribute paths, then kinds of receivers, then evidence."""
    return by_function(shape, catalogue) or by_path(shape, catalogue) or by_kind(shape, catalogue)


def by_function(shape: CallShape, catalogue: Catalogue) -> Recognition | None:
    written = catalogue.family_of_function(".".join(shape.path)) if len(shape.path) > 1 and not shape.callee else None
    if written is not None and not written.url:
        return Recognition(written, f"{'.'.join(shape.path)} is a function of the family {written.name}")
    for kind in shape.callee:
        if isinstance(kind, External):
            family = catalogue.family_of_function(kind.dotted)
            if family is None or (family.url and not posts_to(shape, family)):
                continue
            return Recognition(family, f"{kind.dotted} is a function of the family {family.name}")
        if isinstance(kind, Member):
            family = catalogue.family_of_verb(kind.kind, kind.path)
            if family is not None:
                return Recognition(family, f"{kind.path} of a {kind.kind} is a call of the family {family.name}")
        if isinstance(kind, Kind):
            family = catalogue.family_called(kind.name)
            if family is not None:
                return Recognition(family, f"a {kind.name} is called: family {family.name}")
    return None


def by_path(shape: CallShape, catalogue: Catalogue) -> Recognition | None:
    family = catalogue.family_of_path(shape.path) if len(shape.path) > 1 else None
    if family is not None and not shape.keyword_names & set(family.not_keywords) and not other_kind(shape, catalogue):
        return Recognition(family, f"the path .{'.'.join(shape.path[-3:])} belongs to the family {family.name}")
    family = catalogue.family_anywhere(shape.verb) if len(shape.path) > 1 else None
    if family is not None and (not family.url or posts_to(shape, family)):
        return Recognition(family, f".{shape.verb} belongs to the family {family.name}")
    return None


def other_kind(shape: CallShape, catalogue: Catalogue) -> str | None:
    """The look-alike's kind, where the receiver is known to be one. A model that a look-alike holds is none."""
    for kind in shape.receiver:
        if isinstance(kind, Member) and names_model(kind.path.rpartition(".")[2], catalogue):
            continue
        if isinstance(kind, Kind | Member):
            name = kind.name if isinstance(kind, Kind) else kind.kind
            if not catalogue.is_model(name):
                return name
    return None


def names_model(name: str, catalogue: Catalogue) -> bool:
    """Whether a name is a model's (`llm`, `gpt4_client`), not an answer's (`gpt_result`)."""
    words = catalogue.evidence
    parts = words_of(name)
    other = (words.result_names | words.receiver_other) - words.receiver_strong
    return bool(set(parts) & words.receiver_strong) and parts[-1] not in other


def makes_model(name: str, catalogue: Catalogue) -> bool:
    """Whether a class is a model's by the end of its name: `ThinkGPT`, `AzureLLM`; `LLMConfig` is none."""
    generic = {"model", "models", "completion", "completions"}
    return bool(set(words_of(name)[-1:]) & (catalogue.evidence.receiver_strong - generic))


def is_model_type(kinds: frozenset[Type], catalogue: Catalogue) -> bool:
    return any(isinstance(kind, Kind) and catalogue.is_model(kind.name) for kind in kinds)


def by_kind(shape: CallShape, catalogue: Catalogue) -> Recognition | None:
    for kind in shape.receiver:
        if isinstance(kind, Kind):
            family = catalogue.family_of_verb(kind.name, shape.verb)
            if family is not None:
                return Recognition(family, f"the receiver is a {kind.name} and .{shape.verb} asks it")
    return None


def posts_to(shape: CallShape, family: Family) -> bool:
    """Whether a text among the arguments is the address of a completion endpoint, or the body asks for a completion."""
    bodies = [value for name, _, value in shape.keywords if name in family.prompt]
    if any(asks_completion(value) for value in bodies):
        return True
    return any(re.search(family.url, address) for address in addresses_in(shape, whole=False))


def posts_elsewhere(shape: CallShape, family: Family) -> bool:
    """Whether an address among the arguments is another than a completion endpoint's."""
    found = addresses_in(shape, whole=True)
    return bool(found) and not any(re.search(family.url, address) for address in found)


def addresses_in(shape: CallShape, *, whole: bool) -> list[str]:
    """What stands in the source of arguments that may be addresses; `whole`: only of those known at their end."""
    values = [value for _, value in shape.positional] + [value for _, _, value in shape.keywords]
    known = [value.pieces for value in values[:3] if value.pieces]
    texts = [
        "".join(piece.text for piece in pieces if isinstance(piece, Static))
        for pieces in known
        if isinstance(pieces[-1], Static) or not whole
    ]
    return [text for text in texts if "/" in text and not any(character.isspace() for character in text)]


def asks_completion(body: Value) -> bool:
    """Whether a request's body, perhaps dumped as JSON, has messages or a prompt beside a model's options."""
    fields = body.box.fields if body.box is not None else {}
    if "0" in fields:
        return asks_completion(fields["0"])
    options = {"model", "temperature", "max_tokens", "max_new_tokens", "stream", "stop", "top_p", "parameters"}
    said = fields.get("messages")
    return bool((said is not None or "prompt" in fields or "text_input" in fields) and options & set(fields)) or (
        said is not None and has_roles(said)
    )


def by_evidence(shape: CallShape, catalogue: Catalogue) -> Recognition | None:
    """A call of an imported or injected wrapper, judged by its names, its arguments and the use of its result."""
    score, reasons = weigh(shape, catalogue)
    if score < ENOUGH:
        return None
    return Recognition(EVIDENCE, "; ".join(reasons) + f" (evidence {score}, {ENOUGH} needed)", by_evidence=True)


def runs_agent(shape: CallShape, catalogue: Catalogue) -> Recognition | None:
    """`executor.map(self.agent.run, tasks)`: a method that runs an agent, handed on to be called."""
    words = catalogue.evidence
    receiver = words_of(shape.path[-2]) if len(shape.path) > 1 else ()
    if receiver[-1:] != ("agent",) or not set(words_of(shape.verb)) <= words.running:
        return None
    return Recognition(EVIDENCE, f"`{shape.path[-2]}.{shape.verb}` runs an agent", by_evidence=True)


def is_client(shape: CallShape, catalogue: Catalogue) -> bool:
    """Whether a call judged by evidence is one of a model's or client's own method, not of a wrapper's function."""
    words = catalogue.evidence
    receiver = set(words_of(shape.path[-2])) if len(shape.path) > 1 else set()
    return (
        bool(receiver & (words.receiver_strong | words.receiver_weak))
        and not set(words_of(shape.verb)) & words.function_strong
    )


EVIDENCE = Family(
    name="injected",
    open_ended=True,
    positional=("prompt", "max_tokens"),
    prompt=(
        "instructions",
        "system",
        "system_prompt",
        "system_message",
        "system_msg",
        "prompt",
        "messages",
        "message",
        "query",
        "question",
        "input",
        "text",
    ),
    roles={"system": "system", "system_prompt": "system", "system_message": "system", "system_msg": "system"},
)


def weigh(shape: CallShape, catalogue: Catalogue) -> tuple[int, list[str]]:
    """The evidence for a call, and the reasons in words."""
    objection = ruled_out(shape, catalogue)
    if objection is not None:
        return 0, [objection] if objection else []
    words = catalogue.evidence
    verb = words_of(shape.verb)
    strong, weak = set(verb) & words.function_strong, set(verb) & words.function_weak
    if set(verb) & words.function_task and not strong:
        return weigh_receiver(shape, catalogue, 1, [f"`{shape.verb}` is a task for a model"], least=1)
    if not strong and not weak:
        return weigh_receiver(shape, catalogue, 0, [f"`{shape.verb}` may be anything"], least=2)
    score, reasons = (3 if strong else 1) + (set(verb) <= words.running), [f"`{shape.verb}` speaks of asking a model"]
    others = set(verb) - words.function_strong - words.function_weak - words.function_filler
    if len(others) > 1 and strong and not weak and verb[-1] not in strong:
        score, reasons = score - 2, [*reasons, f"but also of {', '.join(sorted(others))}"]
    elif others and not strong:
        score, reasons = score - 3, [*reasons, f"but also of {', '.join(sorted(others))}"]
    return weigh_receiver(shape, catalogue, score, reasons, least=1)


def ruled_out(shape: CallShape, catalogue: Catalogue) -> str | None:  # noqa: PLR0911 - the first objection ends it
    """Why a call can't be one whatever else speaks for it; empty: it has no name, or a class's."""
    words = catalogue.evidence
    verb = words_of(shape.verb)
    receiver = shape.path[-2] if len(shape.path) > 1 else ""
    look_alike = other_kind(shape, catalogue)
    if look_alike:
        return f"the receiver is a {look_alike}"
    if not verb or shape.verb[:1].isupper():
        return ""
    if not set(verb) & (words.function_strong | words.function_weak):
        has_model = is_model_type(shape.receiver, catalogue) or names_model(receiver, catalogue)
        given = model_evidence(shape, catalogue)
        has_model = has_model or given == CERTAIN or (given > 0 and bool(set(verb) & words.function_task))
        if set(verb) & words.function_making or not has_model:
            return "its name does not speak of asking a model"
    if gets_model(verb, words):
        return "it gets a model, it does not ask it"
    never = [
        word
        for number, word in enumerate(verb)
        if word in words.function_never
        and not leads_to_model(verb, number, words)
        and not (len(verb) == 1 and word in words.function_weak)
    ]
    if never:
        return f"its name says otherwise ({', '.join(never)})"
    if shape.keyword_names & words.other_keywords:
        return "it makes something other than text"
    of_receiver, last = set(words_of(receiver)), set(words_of(receiver)[-1:])
    is_known = last & (words.receiver_strong | {"agent", "chain", "team", "crew"})
    is_chat = verb == ("chat",) and belongs_to_model(shape, catalogue)
    if of_receiver & words.receiver_never and not is_known and not is_chat:
        return f"the receiver `{receiver}` is no model"
    runs = of_receiver & (words.receiver_strong | words.receiver_running) or shape.made_with & MODEL_GIVEN
    if set(verb) <= words.running and not runs:
        return f"`{receiver or shape.verb}` is no agent that could be run"
    return None


def weigh_receiver(
    shape: CallShape, catalogue: Catalogue, score: int, reasons: list[str], least: int
) -> tuple[int, list[str]]:
    """What the receiver, or a model among the arguments, adds; then the arguments."""
    words = catalogue.evidence
    verb = words_of(shape.verb)
    receiver = shape.path[-2] if len(shape.path) > 1 else ""
    of_receiver = set(words_of(receiver))
    given_model = model_evidence(shape, catalogue)
    if names_model(receiver, catalogue):
        score, reasons = score + 2, [*reasons, f"`{receiver}` names a model"]
    elif is_model_type(shape.receiver, catalogue):
        score, reasons = score + 2, [*reasons, f"`{receiver}` is a model by its type"]
    elif shape.made_with & MODEL_GIVEN:
        score, reasons = score + 1, [*reasons, f"`{receiver}` was made with a model"]
    elif of_receiver & words.receiver_weak:
        score, reasons = score + (verb != ("query",)), [*reasons, f"`{receiver}` may be a model"]
    elif belongs_to_model(shape, catalogue):
        score, reasons = score + 2, [*reasons, f"`{'.'.join(shape.path[:-1])}` belongs to a model"]
    elif receiver and receiver != "self" and set(verb).isdisjoint(words.function_strong):
        score -= 1
    elif given_model:
        score, reasons = score + given_model, [*reasons, "it is given a model"]
    if set(verb) & {"invoke", "ainvoke"} and of_receiver & RUNNABLES:
        score, reasons = score + 1, [*reasons, "it is invoked as LangChain's runnables are"]
    return weigh_arguments(shape, catalogue, score, reasons, least)


MODEL_GIVEN = frozenset("llm model model_name llm_config chat_model language_model model_client model_id".split())
"""Names under which a constructor is given the model that its object asks."""

RUNNABLES = frozenset({"chain", "llm", "model", "agent", "grader", "judge", "generator"})
CERTAIN = 2
"""What an argument counts that is a model without doubt."""


def belongs_to_model(shape: CallShape, catalogue: Catalogue) -> bool:
    """`llm.interpreter.chat`: the receiver is part of something named as a model."""
    return any(names_model(part, catalogue) for part in shape.path[:-2])


def model_evidence(shape: CallShape, catalogue: Catalogue) -> int:
    """CERTAIN: an argument is a model, by its type or as `llm`; 1: it is called `model`, which may be but its name."""
    best = 0
    for node, value in (*shape.positional, *((node, value) for _, node, value in shape.keywords)):
        written = names_in(node) if isinstance(node, ast.Name | ast.Attribute) else []
        last = words_of(written[0])[-1:] if written else ()
        typed = any(isinstance(kind, Kind) and catalogue.is_model(kind.name) for kind in value.types)
        if typed or last == ("llm",):
            return CERTAIN
        if isinstance(node, ast.Attribute) and last == ("model",):
            best = 1
    return best


def gets_model(verb: tuple[str, ...], words: Evidence) -> bool:
    """`get_llm`, `get_chat_openai`: what is got is the model itself; `get_completion` gets its answer."""
    got = verb[-1] in words.function_strong - words.result_names - {"aask"}
    return len(verb) > 1 and verb[0] == "get" and got and not set(verb) & {"from", "with", "by", "via", "response"}


def leads_to_model(verb: tuple[str, ...], number: int, words: Evidence) -> bool:
    """`get_response_from_llm`, `send_to_gpt`: a preposition before the model, after a word of asking."""
    following = verb[number + 1 : number + 2]
    asking = verb[0] in words.function_weak or verb[0] == "get"
    return verb[number] in ("from", "to") and asking and bool(set(following) & words.function_strong)


def asks_by_name(name: str, catalogue: Catalogue) -> int:
    """How plainly a name says that its function asks a model: 2 names one, 1 is all about asking, 0 neither."""
    words = catalogue.evidence
    parts = set(words_of(name))
    if parts & words.function_never or parts - words.function_strong - words.function_weak - words.function_filler:
        return 0
    return 2 if parts & words.function_strong else int(bool(parts & words.function_weak))


def weigh_arguments(
    shape: CallShape, catalogue: Catalogue, score: int, reasons: list[str], least: int
) -> tuple[int, list[str]]:
    """What the arguments and the use of the result add; without `least` evidence of a prompt it can't be enough."""
    words = catalogue.evidence
    prompt = prompt_evidence(shape, catalogue)
    if prompt:
        score, reasons = score + prompt, [*reasons, "an argument is shaped like a prompt"]
    if names_prompt_parts(shape, words):
        score, reasons = score + 1, [*reasons, "its arguments are named as a prompt's parts"]
    options = len(shape.keyword_names & words.model_keywords)
    if options:
        score, reasons = score + min(options, 2), [*reasons, "it takes a model's options"]
    if set(words_of(shape.used_as)) & words.result_names:
        score, reasons = score + 1, [*reasons, f"its result is used as text (`{shape.used_as}`)"]
    if prompt < least:
        score = min(score, ENOUGH - 1)
    return score, reasons


def names_prompt_parts(shape: CallShape, words: Evidence) -> bool:
    """Whether several arguments are named as parts of a prompt, or one is that is written out for a model."""
    named = [value for name, _, value in shape.keywords if set(words_of(name)) & words.prompt_strong]
    receiver = set(words_of(shape.path[-2])) if len(shape.path) > 1 else set[str]()
    may_be_model = bool(receiver & (words.receiver_weak | words.receiver_strong))
    return len(named) > 1 or (may_be_model and any(reads_as_prompt(value) for value in named))


def prompt_evidence(shape: CallShape, catalogue: Catalogue) -> int:
    """0 to 3: how much the arguments look like a prompt. Messages with roles leave no doubt."""
    best = 0
    words = catalogue.evidence
    given = [("", node, value) for node, value in shape.positional] + list(shape.keywords)
    for name, node, value in given:
        names = set(words_of(name))
        if not name or name in words.prompt_names:
            names |= {word for part in names_in(node) for word in words_of(part)}
            names |= {word for key in (value.box.fields if value.box is not None else ()) for word in words_of(key)}
        if has_roles(value) or {"system", "user"} <= shape.keyword_names:
            return 3
        if name == "**":
            best = max(best, 1)
        if names & words.prompt_strong or reads_as_prompt(value):
            best = 2
        elif names & words.prompt_names or value.pieces or any(isinstance(piece, Hole) for piece in value.pieces or ()):
            best = max(best, 1)
    return best


def names_in(node: ast.expr) -> list[str]:
    """The names that say what an argument is: its own, or those that a text is put together from."""
    if isinstance(node, ast.Attribute):
        return [node.attr]
    if isinstance(node, ast.Call):
        return names_in(node.func)
    if isinstance(node, ast.Subscript | ast.Await):
        key = getattr(node, "slice", None)
        return names_in(node.value) + ([str(key.value)] if isinstance(key, ast.Constant) else [])
    if isinstance(node, ast.BinOp):
        return names_in(node.left) + names_in(node.right)
    if isinstance(node, ast.List | ast.Tuple):
        return [name for item in node.elts[:4] for name in names_in(item)]
    return [node.id] if isinstance(node, ast.Name) else []


def has_roles(value: Value) -> bool:
    members = list(value.box.members()) if value.box is not None else []
    return any(member.box is not None and {"role", "content"} <= set(member.box.fields) for member in members[:20])


def reads_as_prompt(value: Value) -> bool:
    """A text of several words."""
    written = " ".join(piece.text for piece in value.pieces or () if isinstance(piece, Static))
    return len(written.split()) >= 4
