"""Calls of imported or injected wrappers, whose type can't be told: names, arguments and use are
weighed."""

from __future__ import annotations

import ast
import re
from collections.abc import Set
from dataclasses import replace

from charter_engine.parser.graphs.inner_graphs import INVOKING
from charter_engine.parser.model_calls.asking_names import (
    GENERIC,
    asking_words,
    asks_model,
    is_care,
    names_other_work,
    names_writer,
)
from charter_engine.parser.model_calls.catalogue import Catalogue, Evidence, Family
from charter_engine.parser.model_calls.recognise import (
    CallShape,
    Recognition,
    has_roles,
    holds_kind,
    names_in,
    names_model,
    other_kind,
    words_of,
)
from charter_engine.parser.prompts.prompts import spoken
from charter_engine.parser.source.symbols import Module
from charter_engine.parser.source.syntax import last_name, output_name, used_by
from charter_engine.parser.values.values import External, Hole, Kind, Static, Type, Value

ENOUGH = 5
"""Evidence that makes a call: say, a model's receiver (2), a prompt (2) and an asking verb (1)."""

NAMED = (ast.Name, ast.Attribute)

CERTAIN = 2
"""What an argument counts that is a model without doubt."""

RUNNABLES = frozenset({"chain", "llm", "model", "agent", "grader", "judge", "generator"})

MADE_ELSEWHERE = Kind("agent.made")
"""An agent that a function which isn't at hand makes."""

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
        "user_prompt",
        "user_message",
        "user_msg",
        "user_input",
        "messages",
        "message",
        "query",
        "question",
        "input",
        "text",
    ),
    roles={
        "system": "system",
        "system_prompt": "system",
        "system_message": "system",
        "system_msg": "system",
        "user_prompt": "user",
        "user_message": "user",
        "user_msg": "user",
        "user_input": "user",
    },
)

SYSTEM = frozenset(name for name, role in EVIDENCE.roles.items() if role == "system")

BESIDE_USER = replace(
    EVIDENCE, prompt=(*EVIDENCE.prompt, "user"), roles={**EVIDENCE.roles, "user": "user"}
)
"""Of what is given rules, and what these are for as `user`, which is a person's name otherwise."""


def by_evidence(shape: CallShape, catalogue: Catalogue) -> Recognition | None:
    """A call of an imported or injected wrapper, judged by its names, its arguments and the use of
    its result."""
    score, reasons = weigh(shape, catalogue)
    if score < ENOUGH:
        return None
    both = both_given(shape, catalogue.evidence)
    family = family_of(shape.keyword_names)
    family = family if both is None else replace(family, positional=both)
    return Recognition(
        family, "; ".join(reasons) + f" (evidence {score}, {ENOUGH} needed)", by_evidence=True
    )


def family_of(given: Set[str]) -> Family:
    """How what a call is given by these names makes its prompt."""
    is_asked = "user" in given and not SYSTEM.isdisjoint(given)
    is_asked = is_asked and given.isdisjoint({*EVIDENCE.prompt} - SYSTEM)
    return BESIDE_USER if is_asked else EVIDENCE


def weigh(  # noqa: PLR0911 - the first rule that applies decides
    shape: CallShape, catalogue: Catalogue
) -> tuple[int, list[str]]:
    """The evidence for a call, and the reasons in words."""
    if is_request(shape, catalogue):
        reasons = ["a client's resource is given a model and a prompt by these names"]
        return weigh_arguments(shape, catalogue, 3, reasons, least=1)
    if is_called_itself(shape, catalogue.evidence):
        return weigh_called(shape, catalogue)
    objection = ruled_out(shape, catalogue)
    if objection is not None:
        return 0, [objection] if objection else []
    words = catalogue.evidence
    verb = asking_words(shape.verb)
    strong, weak = set(verb) & words.function_strong, set(verb) & words.function_weak
    if set(verb) & words.function_task and not strong:
        return weigh_receiver(
            shape, catalogue, 1, [f"`{shape.verb}` is a task for a model"], least=1
        )
    if not strong and not weak and is_model_type(shape.callee, catalogue):
        return weigh_receiver(shape, catalogue, 1, ["a model is called"], least=1)
    if not strong and not weak:
        return weigh_receiver(shape, catalogue, 0, [f"`{shape.verb}` may be anything"], least=2)
    score, reasons = (
        (3 if strong else 2 if "ai" in verb else 1) + (set(verb) <= words.running),
        [f"`{shape.verb}` speaks of asking a model"],
    )
    known = words.function_strong | words.function_weak | words.function_filler
    others = {
        word for number, word in enumerate(verb) if word not in known and not is_care(verb, number)
    }
    if names_asked_agent(shape, words):
        score, reasons, others = score + 2, [*reasons, "it is told which agent to ask"], set()
    if len(others) > 1 and strong and not weak and verb[-1] not in strong:
        score, reasons = score - 2, [*reasons, f"but also of {', '.join(sorted(others))}"]
    elif others and not strong and not is_given_request(shape, words):
        score, reasons = score - 3, [*reasons, f"but also of {', '.join(sorted(others))}"]
    elif strong and weak and not others and is_text_used(shape):
        score += 1
    elif not strong and asks_model(shape.verb, words):
        score, reasons = score + 1, [*reasons, "it names a model"]
    if not strong and any(written_model(value) for _, value in shape.positional):
        score, reasons = score + 2, [*reasons, "it is given the name of a model"]
    return weigh_receiver(shape, catalogue, score, reasons, least=1)


def names_asked_agent(shape: CallShape, words: Evidence) -> bool:
    """Whether a function asks the agent that its first argument names: `invoke_agent(agent_name,
    query)`."""
    verb = words_of(shape.verb)
    asks = verb[0] in words.function_weak - RUNS and verb[-1] == "agent"
    named = words_of(last_name(shape.positional[0][0])) if len(shape.positional) > 1 else ()
    return asks and len(shape.path) == 1 and not AGENT_NAMES.isdisjoint(named[-1:])


RUNS = frozenset(("run", "arun"))
AGENT_NAMES = frozenset("agent name id".split())
"""Last words of what names an agent."""


MODELS = re.compile(r"(gpt-|claude-|gemini-|llama-?\d|mistral-|deepseek-|qwen\d?-|o[134]-)[\w.:-]+")


def written_model(value: Value) -> bool:
    """Whether a text is the name of a model that is known by it: `"gpt-4o"`."""
    written = value.static_text()
    return written is not None and MODELS.fullmatch(written) is not None


def is_text_used(shape: CallShape) -> bool:
    """Whether a function is given a text that is put together where it is called, and something is
    made of what it returns: `state["answer"] = call_llm(f"Answer {question}")`."""
    is_kept = not isinstance(used_by(shape.parents, shape.node), ast.Expr)
    return is_kept and any(isinstance(node, ast.JoinedStr) for node, _ in shape.positional[:2])


def is_request(shape: CallShape, catalogue: Catalogue) -> bool:
    """Whether a call has the shape that SDKs give a completion: `client.turns.create(model=…,
    input=…)`, of which something is made."""
    if len(shape.path) < 3:
        return False
    words = catalogue.evidence
    verb = words_of(shape.verb)
    return (
        verb[0] in words.requesting
        and words.requesting | words.requested >= set(verb)
        and bool(shape.keyword_names & words.request_prompts)
        and bool(shape.keyword_names & words.request_models)
        and not other_kind(shape, catalogue)
        and not shape.keyword_names & words.other_keywords
        and not set(words_of(shape.path[-2])) & (words.receiver_never | words.receiver_storing)
        and not isinstance(used_by(shape.parents, shape.node), ast.Expr)
    )


def weigh_called(shape: CallShape, catalogue: Catalogue) -> tuple[int, list[str]]:
    """The evidence that an object which is called itself writes a text."""
    is_plain = any(reads_as_prompt(value) for value in shape.given)
    is_plain = is_plain or bool(shape.keyword_names & catalogue.evidence.request_prompts)
    reasons = [f"`{shape.verb}` may be a model or an agent, which is called itself"]
    return weigh_arguments(shape, catalogue, 2 + is_plain, reasons, least=2)


def is_called_itself(shape: CallShape, words: Evidence) -> bool:
    """Whether what is called is no function at hand or imported, but an object that may write texts
    by its name, and nothing else that is made of a prompt: `generator(prompt=prompt)`."""
    is_held = len(shape.path) == 1 or shape.path[:-1] == ("self",)
    if shape.callee or not is_held or not names_writer(shape.verb, words):
        return False
    is_other = not words.other_products.isdisjoint(words_of(shape.used_as))
    return not is_other and shape.keyword_names.isdisjoint(words.other_keywords | OF_PICTURES)


OF_PICTURES = frozenset(
    "size width height image negative_prompt num_inference_steps guidance_scale strength".split()
)
"""What is given beside the prompt for a picture."""


def is_given_request(shape: CallShape, words: Evidence) -> bool:
    """Whether a function that asks is given what a request for a completion holds, by the names
    that SDKs have for it: `generate_with_references(model=…, messages=…, temperature=…)`."""
    given = shape.keyword_names
    options = given & words.model_keywords - words.request_models
    asks = words_of(shape.verb)[0] in words.function_weak
    return asks and bool(given & words.request_prompts and given & words.request_models and options)


def ruled_out(shape: CallShape, catalogue: Catalogue) -> str | None:  # noqa: PLR0911 - the first objection ends it
    """Why a call can't be one whatever else speaks for it; empty: it has no name, or a class's."""
    words = catalogue.evidence
    verb = asking_words(shape.verb)
    receiver = shape.path[-2] if len(shape.path) > 1 else ""
    look_alike = other_kind(shape, catalogue)
    if look_alike:
        return f"the receiver is a {look_alike}"
    if not verb or shape.verb[:1].isupper():
        return ""
    if verb[0] == "with" and len(shape.path) > 1:
        return "it sets something of what it is called on"
    asks = not (words.function_strong.isdisjoint(verb) and words.function_weak.isdisjoint(verb))
    makes = not asks and not words.function_making.isdisjoint(verb)
    if makes or not (asks or concerns_model(shape, catalogue)):
        return "its name does not speak of asking a model"
    objection = names_other_work(shape.verb, catalogue)
    if objection:
        return objection
    if shape.keyword_names & words.other_keywords:
        return "it makes something other than text"
    of_receiver, last = set(words_of(receiver)), set(words_of(receiver)[-1:])
    is_known = last & (words.receiver_strong | {"agent", "chain", "team", "crew"})
    is_chat = verb == ("chat",) and belongs_to_model(shape, catalogue)
    is_made = MADE_ELSEWHERE in shape.receiver
    is_asked = bool(is_known) or is_chat or is_made or is_given_conversation(shape)
    if of_receiver & words.receiver_never and not is_asked:
        return f"the receiver `{receiver}` is no model"
    runs = (
        of_receiver & (words.receiver_strong | words.receiver_running)
        or shape.made_with & words.model_given
        or is_made
    )
    if set(verb) <= words.running and not runs:
        return f"`{receiver or shape.verb}` is no agent that could be run"
    return None


def concerns_model(shape: CallShape, catalogue: Catalogue) -> bool:
    """Whether the receiver or an argument is a model; for what is a task for one, whether an
    argument may be."""
    receiver = shape.path[-2] if len(shape.path) > 1 else ""
    if names_model(receiver, catalogue):
        return True
    if is_model_type(shape.receiver, catalogue) or is_model_type(shape.callee, catalogue):
        return True
    given = model_evidence(shape, catalogue)
    return given == CERTAIN or (
        given > 0 and bool(set(words_of(shape.verb)) & catalogue.evidence.function_task)
    )


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
        is_sure = words_of(receiver) == ("llm",) and not words.function_weak.isdisjoint(verb)
        score, reasons = score + 2 + is_sure, [*reasons, f"`{receiver}` names a model"]
    elif is_model_type(shape.receiver | shape.callee, catalogue):
        called = receiver or shape.verb
        score, reasons = score + 2, [*reasons, f"`{called}` is a model by its type"]
    elif shape.made_with & words.model_given:
        score, reasons = score + 1, [*reasons, f"`{receiver}` was made as a model's"]
    elif of_receiver & words.receiver_weak:
        score, reasons = score + (verb != ("query",)), [*reasons, f"`{receiver}` may be a model"]
    elif comes_from_model(shape, catalogue):
        score, reasons = score + 1, [*reasons, "its module is named after a model"]
    elif belongs_to_model(shape, catalogue):
        score, reasons = score + 2, [*reasons, f"`{'.'.join(shape.path[:-1])}` belongs to a model"]
    elif is_given_conversation(shape):
        score, reasons = score + 2, [*reasons, "it is given a conversation as agents are"]
    elif receiver and receiver != "self" and set(verb).isdisjoint(words.function_strong):
        score -= 1
    elif given_model:
        score, reasons = score + given_model, [*reasons, "it is given a model"]
    if set(verb) & {"invoke", "ainvoke"} and of_receiver & RUNNABLES:
        score, reasons = score + 1, [*reasons, "it is invoked as LangChain's runnables are"]
    return weigh_arguments(shape, catalogue, score, reasons, least)


def weigh_arguments(
    shape: CallShape, catalogue: Catalogue, score: int, reasons: list[str], least: int
) -> tuple[int, list[str]]:
    """What the arguments and the use of the result add; without `least` evidence of a prompt it
    can't be enough."""
    words = catalogue.evidence
    prompt = prompt_evidence(shape, catalogue)
    if not prompt and options_by_place(shape, catalogue) > 1 and spoken(shape):
        prompt = 1
    if prompt:
        score, reasons = score + prompt, [*reasons, "an argument is shaped like a prompt"]
    by_place = options_by_place(shape, catalogue)
    if by_place:
        score, reasons = score + by_place, [*reasons, "it takes a model's options by place"]
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


def options_by_place(shape: CallShape, catalogue: Catalogue) -> int:
    """0 to 2: numbers that a function named after a model is given by place: a temperature, a
    limit of tokens."""
    if catalogue.evidence.function_strong.isdisjoint(words_of(shape.verb)):
        return 0
    given = [value.constant[0] for _, value in shape.positional if value.constant is not None]
    temperature = any(isinstance(number, float) and 0 <= number <= 2 for number in given)
    limit = any(type(number) is int and number >= 16 for number in given)
    return temperature + limit


def comes_from_model(shape: CallShape, catalogue: Catalogue) -> bool:
    """Whether a function is imported from a module that is named after a model, and its own name
    says no more than that it asks: `from llm_utils import invoke`."""
    words = catalogue.evidence
    modules = [kind.dotted.split(".")[-2:-1] for kind in shape.callee if isinstance(kind, External)]
    named = {word for module in modules for name in module for word in words_of(name)}
    verb = set(words_of(shape.verb))
    is_asking = bool(verb & words.function_weak) and len(shape.path) == 1
    is_asking = is_asking and verb <= words.function_weak | words.function_filler
    return is_asking and not named.isdisjoint(words.receiver_strong - GENERIC)


def belongs_to_model(shape: CallShape, catalogue: Catalogue) -> bool:
    """`llm.interpreter.chat`, `llm_factory.create("critic").invoke`: the receiver is part of
    something named as a model, or made by something named after one."""
    receiver = shape.node.func.value if isinstance(shape.node.func, ast.Attribute) else None
    maker = receiver.func if isinstance(receiver, ast.Call) else None
    made_by = maker.value if isinstance(maker, ast.Attribute) else None
    words = words_of(last_name(made_by)) if made_by is not None else ()
    return not {"llm", "llms"}.isdisjoint(words) or any(
        names_model(part, catalogue) for part in shape.path[:-2]
    )


def is_model_type(kinds: frozenset[Type], catalogue: Catalogue) -> bool:
    return holds_kind(kinds) and any(
        isinstance(kind, Kind) and catalogue.is_model(kind.name) for kind in kinds
    )


def model_evidence(shape: CallShape, catalogue: Catalogue) -> int:
    """CERTAIN: an argument is a model, by its type or as `llm`; 1: it is called `model`, which may
    be but its name."""
    best = 0
    given = [(node, value) for _, node, value in shape.keywords] if shape.keywords else ()
    for node, value in (*shape.positional, *given):
        if value.types and is_model_type(value.types, catalogue):
            return CERTAIN
        if not isinstance(node, NAMED):
            continue
        name = last_name(node)
        last = words_of(name)[-1:]
        if last == ("llm",):
            return CERTAIN
        if last == ("model",) and (isinstance(node, ast.Attribute) or name.isupper()):
            best = 1
    return best


def prompt_evidence(shape: CallShape, catalogue: Catalogue) -> int:
    """0 to 3: how much the arguments look like a prompt. Messages with roles leave no doubt."""
    best = 0
    words = catalogue.evidence
    given = [("", node, value) for node, value in shape.positional] + list(shape.keywords)
    for name, node, value in given:
        if is_model_type(value.types, catalogue):
            continue
        names = set(words_of(name))
        if not name or name in words.prompt_names:
            names |= {word for part in names_in(node) for word in words_of(part)}
            names |= {word for part in names_within(value) for word in words_of(part)}
        if has_roles(value) or {"system", "user"} <= shape.keyword_names:
            return 3
        if name == "**":
            best = max(best, 1)
        if names & words.prompt_strong or reads_as_prompt(value):
            best = 2
        elif (
            names & words.prompt_names
            or value.pieces
            or any(isinstance(piece, Hole) for piece in value.pieces or ())
        ):
            best = max(best, 1)
    return best


def is_given_conversation(shape: CallShape) -> bool:
    """Whether a call gives nothing but a conversation as LangChain's agents are given one, in a
    state: `planner.ainvoke({"messages": [HumanMessage(text)]})`. A graph's state may be like it."""
    state = shape.positional[0][1].box if shape.positional else None
    if state is None or len(shape.path) < 2 or INVOKING.isdisjoint(words_of(shape.verb)):
        return False
    messages = state.fields.get("messages") if len(state.fields) == 1 else None
    is_graph = not GRAPHS.isdisjoint(words_of(shape.path[-2]))
    return messages is not None and messages.box is not None and not is_graph


GRAPHS = frozenset("app graph workflow".split())
"""Words of the names of graphs, whose nodes are looked for in their place."""


def names_within(value: Value) -> list[str]:
    """The names of what an object holds, and of what it was given by place."""
    fields = value.box.fields if value.box is not None else {}
    placed = [held.source for name, held in fields.items() if name.isdigit()]
    return [
        *fields,
        *(name for source in placed if source is not None for name in names_in(source)),
    ]


def names_prompt_parts(shape: CallShape, words: Evidence) -> bool:
    """Whether several arguments are named as parts of a prompt, or one is that is written out for a
    model."""
    named = [
        value for name, _, value in shape.keywords if set(words_of(name)) & words.prompt_strong
    ]
    if both_given(shape, words):
        return True
    receiver = set(words_of(shape.path[-2])) if len(shape.path) > 1 else set[str]()
    may_be_model = bool(receiver & (words.receiver_weak | words.receiver_strong))
    return len(named) > 1 or (may_be_model and any(reads_as_prompt(value) for value in named))


def both_given(shape: CallShape, words: Evidence) -> tuple[str, str] | None:
    """What the first two arguments by place are, where one is rules and one what these are for, as
    their names or several words of text tell: `invoke(system, human)`."""
    given = [(set(words_of(last_name(node))), value) for node, value in spoken(shape)[:2]]
    if len(given) < 2 or len(shape.path) != 1:
        return None
    (first, one), (second, other) = given
    said = words.prompt_names | SPEAKERS
    if "system" in first and second & said:
        return "system", "prompt"
    if "system" in second and first & said:
        return "prompt", "system"
    return ("prompt", "text") if reads_as_prompt(one) and reads_as_prompt(other) else None


SPEAKERS = frozenset(("human", "user"))


def reads_as_prompt(value: Value) -> bool:
    """A text of several words."""
    written = " ".join(piece.text for piece in value.pieces or () if isinstance(piece, Static))
    return len(written.split()) >= 4


def runs_agent(shape: CallShape, catalogue: Catalogue) -> Recognition | None:
    """`executor.map(self.agent.run, tasks)`: a method that runs an agent, handed on to be
    called."""
    words = catalogue.evidence
    receiver = words_of(shape.path[-2]) if len(shape.path) > 1 else ()
    if receiver[-1:] != ("agent",) or not set(words_of(shape.verb)) <= words.running:
        return None
    return Recognition(EVIDENCE, f"`{shape.path[-2]}.{shape.verb}` runs an agent", by_evidence=True)


def is_client(shape: CallShape, catalogue: Catalogue) -> bool:
    """Whether a call judged by evidence is one of a model's or client's own method, not of a
    wrapper's function."""
    words = catalogue.evidence
    receiver = set(words_of(shape.path[-2])) if len(shape.path) > 1 else set()
    return (
        bool(receiver & (words.receiver_strong | words.receiver_weak))
        and not set(words_of(shape.verb)) & words.function_strong
    )


def is_asked_itself(module: Module, node: ast.Call, catalogue: Catalogue) -> bool:
    """Whether what a call gives is run afterwards: `agent = ollama_agent(…)` makes an agent."""
    name = output_name(module.parents, node)
    return name is not None and any(
        isinstance(call.func, ast.Attribute)
        and call.func.attr in catalogue.evidence.asker_methods
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id == name
        for call in module.calls
    )
