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
    """What is seen of a call: how it is named, what it is called on, what it is given and what becomes of it."""

    path: tuple[str, ...]
    callee: frozenset[Type]
    receiver: frozenset[Type]
    positional: tuple[tuple[ast.expr, Value], ...]
    keywords: tuple[tuple[str, ast.expr, Value], ...]
    used_as: str = ""
    is_local: bool = False

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
    if family is not None and not shape.is_local and (not family.url or posts_to(shape, family)):
        return Recognition(family, f".{shape.verb} belongs to the family {family.name}")
    return None


def other_kind(shape: CallShape, catalogue: Catalogue) -> str | None:
    """The look-alike's kind, where the receiver is known to be one."""
    for kind in shape.receiver:
        if isinstance(kind, Kind | Member):
            name = kind.name if isinstance(kind, Kind) else kind.kind
            if not catalogue.is_model(name):
                return name
    return None


def by_kind(shape: CallShape, catalogue: Catalogue) -> Recognition | None:
    for kind in shape.receiver:
        if isinstance(kind, Kind):
            family = catalogue.family_of_verb(kind.name, shape.verb)
            if family is not None:
                return Recognition(family, f"the receiver is a {kind.name} and .{shape.verb} asks it")
    return None


def posts_to(shape: CallShape, family: Family) -> bool:
    """Whether a text among the arguments is the address of a completion endpoint."""
    values = [value for _, value in shape.positional] + [value for _, _, value in shape.keywords]
    for value in values[:3]:
        text = "".join(getattr(piece, "text", "") for piece in value.pieces or ())
        if text and re.search(family.url, text):
            return True
    return False


def by_evidence(shape: CallShape, catalogue: Catalogue) -> Recognition | None:
    """A call of an imported or injected wrapper, judged by its names, its arguments and the use of its result."""
    score, reasons = weigh(shape, catalogue)
    if score < ENOUGH:
        return None
    return Recognition(EVIDENCE, "; ".join(reasons) + f" (evidence {score}, {ENOUGH} needed)", by_evidence=True)


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


def weigh(shape: CallShape, catalogue: Catalogue) -> tuple[int, list[str]]:  # noqa: PLR0911 - what rules it out ends it
    """The evidence for a call, and the reasons in words."""
    words = catalogue.evidence
    verb = words_of(shape.verb)
    look_alike = other_kind(shape, catalogue)
    if not verb or shape.verb[:1].isupper() or look_alike:
        return 0, [f"the receiver is a {look_alike}"] if look_alike else []
    strong, weak = set(verb) & words.function_strong, set(verb) & words.function_weak
    if not strong and not weak:
        return 0, ["its name does not speak of asking a model"]
    never = [
        word
        for number, word in enumerate(verb)
        if word in words.function_never and not leads_to_model(verb, number, words)
    ]
    if never:
        return 0, [f"its name says otherwise ({', '.join(never)})"]
    if shape.keyword_names & words.other_keywords:
        return 0, ["it makes something other than text"]
    receiver = shape.path[-2] if len(shape.path) > 1 else ""
    of_receiver = set(words_of(receiver))
    last = words_of(receiver)[-1:] if receiver else ()
    if of_receiver & words.receiver_never and not set(last) & (
        words.receiver_strong | {"agent", "chain", "team", "crew"}
    ):
        return 0, [f"the receiver `{receiver}` is no model"]
    runs = set(verb) <= words.running
    if runs and not of_receiver & (words.receiver_strong | words.receiver_running):
        return 0, [f"`{receiver or shape.verb}` is no agent that could be run"]
    score, reasons = (3 if strong else 1) + runs, [f"`{shape.verb}` speaks of asking a model"]
    others = set(verb) - words.function_strong - words.function_weak - words.function_filler
    if len(others) > 1 and strong and not weak and verb[-1] not in strong:
        score, reasons = score - 2, [*reasons, f"but also of {', '.join(sorted(others))}"]
    elif others and not strong:
        score, reasons = score - 3, [*reasons, f"but also of {', '.join(sorted(others))}"]
    if of_receiver & words.receiver_strong:
        score, reasons = score + 2, [*reasons, f"`{receiver}` names a model"]
    elif of_receiver & words.receiver_weak and verb != ("query",):
        score, reasons = score + 1, [*reasons, f"`{receiver}` may be a model"]
    elif receiver and receiver != "self" and not strong:
        score -= 1
    if set(verb) & {"invoke", "ainvoke"} and of_receiver & {
        "chain",
        "llm",
        "model",
        "agent",
        "grader",
        "judge",
        "generator",
    }:
        score, reasons = score + 1, [*reasons, "it is invoked as LangChain's runnables are"]
    return weigh_arguments(shape, catalogue, score, reasons)


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


def weigh_arguments(shape: CallShape, catalogue: Catalogue, score: int, reasons: list[str]) -> tuple[int, list[str]]:
    words = catalogue.evidence
    prompt = prompt_evidence(shape, catalogue)
    if prompt:
        score, reasons = score + prompt, [*reasons, "an argument is shaped like a prompt"]
    options = len(shape.keyword_names & words.model_keywords)
    if options:
        score, reasons = score + min(options, 2), [*reasons, "it takes a model's options"]
    if set(words_of(shape.used_as)) & words.result_names:
        score, reasons = score + 1, [*reasons, f"its result is used as text (`{shape.used_as}`)"]
    if not prompt:
        score = min(score, ENOUGH - 1)
    return score, reasons


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
        if has_roles(value):
            return 3
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
