"""What the name of a function or class says of asking a model."""

from __future__ import annotations

import re
from functools import lru_cache

from charter_engine.parser.model_calls.catalogue import Catalogue, Evidence
from charter_engine.parser.model_calls.recognise import (
    words_of,
)

GENERIC = frozenset("model models completion completions".split())
"""Words for a model that are used of other things as well."""


NICKNAME = re.compile(
    r"(o[134]|(grok|mixtral|gemma)|(sonnet|haiku|opus)_?\d)[\d_]*"
    r"((mini|nano|pro|preview|fast|high|medium|low)[\d_]*)*"
)
"""Names of functions that are a model's: `o3mini_high`, `sonnet_4`."""


@lru_cache(maxsize=4096)
def asking_words(name: str) -> tuple[str, ...]:
    """The words of a function's name; those of a model's nickname are one that speaks of asking
    it."""
    return ("llm",) if NICKNAME.fullmatch(name) else words_of(name)


@lru_cache(maxsize=4096)
def names_other_work(name: str, catalogue: Catalogue) -> str:
    """What a function does by its name, where that is not to ask a model; empty: it may ask one."""
    verb, words = words_of(name), catalogue.evidence
    if gets_model(verb, words):
        return "it gets or makes a model, it does not ask it"
    if verb[0] == "generate" and verb[-1] in ("prompt", "prompts"):
        return "it makes a prompt"
    never = says_otherwise(verb, words)
    return f"its name says otherwise ({', '.join(never)})" if never else ""


def says_otherwise(verb: tuple[str, ...], words: Evidence) -> list[str]:
    """The words of a function's name that speak of something other than asking."""
    return [
        word
        for number, word in enumerate(verb)
        if word in words.function_never
        and not leads_to_model(verb, number, words)
        and not says_how(verb, number, words)
        and not (len(verb) == 1 and word in words.function_weak)
    ]


def says_how(verb: tuple[str, ...], number: int, words: Evidence) -> bool:
    """Whether a word of a function's name that speaks of asking tells how it does, or what it does
    with the answer: `call_llm_with_retry`, `cached_llm_call`, `ask_gpt_and_log`."""
    asking = words.function_strong | words.function_weak
    if is_care(verb, number):
        return not asking.isdisjoint(verb)
    return "and" in verb[:number] and not asking.isdisjoint(verb[: verb.index("and")])


def is_care(verb: tuple[str, ...], number: int) -> bool:
    """Whether a word tells with what care something is done: `retry`, `with_timeout`."""
    return verb[number] in DONE_SO or (verb[number] in CARE and "with" in verb[:number])


DONE_SO = ("retry", "cached")
"""Words that tell how something is done, wherever they stand."""

CARE = frozenset(
    "retries backoff fallback fallbacks timeout cache caching limit limits logging log tracking "
    "tracing trace metrics validation guard guardrails".split()
)
"""Words that do after `with`."""


def names_writer(name: str, words: Evidence) -> bool:
    """Whether a name is that of an object that writes texts where it is called: `generator`,
    `writer_agent`; of what something else does or makes it is none (`create_agent`,
    `image_generator`)."""
    parts = words_of(name)
    if not WRITERS.intersection(parts[-1:]) or name[:1].isupper():
        return False
    doing = words.function_making | (words.function_weak - WRITTEN) | words.function_never
    others = words.other_products | words.other_work | doing
    return others.isdisjoint(parts[:-1])


WRITERS = frozenset("generator agent assistant chatbot responder".split())
"""Last words of the names of objects that are asked by calling them."""

WRITTEN = frozenset("answer response reply message chat".split())
"""Words for what they write, which are verbs as well."""


def makes_model(name: str, catalogue: Catalogue) -> bool:
    """Whether a class is a model's by the end of its name: `ThinkGPT`, `AzureLLM`; `LLMConfig` is
    none."""
    return bool(set(words_of(name)[-1:]) & (catalogue.evidence.receiver_strong - GENERIC))


def is_model_class(dotted: str, catalogue: Catalogue) -> bool:
    """Whether a class outside the sources is a model's by its name (`ThinkGPT`, `LLMGateway`), or
    by its name and that of its module: `shop.llm_api.ModelAPI`."""
    module, _, name = dotted.rpartition(".")
    words = catalogue.evidence
    parts = words_of(name)
    if not name[:1].isupper():
        return False
    if parts[-1] in STANDING_BEFORE and not {"llm", "llms", "gpt"}.isdisjoint(parts):
        return True
    if parts[-1] not in words.receiver_strong | words.receiver_running:
        return False
    of_module = set(words_of(module)) & (words.receiver_strong - GENERIC)
    return makes_model(name, catalogue) or bool(set(parts) & words.receiver_strong and of_module)


STANDING_BEFORE = frozenset("client gateway service provider adapter backend wrapper".split())
"""Last words of the names of classes that stand before a vendor's model."""


def gets_model(verb: tuple[str, ...], words: Evidence) -> bool:
    """`get_llm`, `create_chat_openai`, `get_chat_model`: what is got or made is the model itself;
    `get_completion` gets its answer."""
    known = words.function_strong | words.function_weak | words.function_filler | words.result_names
    is_model = verb[-1] in (words.function_strong | {"model"}) - words.result_names - {"aask"}
    return (
        len(verb) > 1
        and (is_model or (verb[0] == "get" and verb[-1] not in known))
        and verb[0] in ("get", "create", "new")
        and not set(verb) & {"from", "with", "by", "via", "response"}
    )


def leads_to_model(verb: tuple[str, ...], number: int, words: Evidence) -> bool:
    """`get_response_from_llm`, `send_to_gpt`: a preposition before the model, after a word of
    asking."""
    following = verb[number + 1 : number + 2]
    asking = verb[0] in words.function_weak or verb[0] == "get"
    return (
        verb[number] in ("from", "to") and asking and bool(set(following) & words.function_strong)
    )


def asks_by_name(name: str, catalogue: Catalogue) -> int:
    """How plainly a name says that its function asks a model: 2 names one, 1 is all about asking, 0
    neither."""
    words = catalogue.evidence
    parts = set(words_of(name))
    if (
        parts & words.function_never
        or parts - words.function_strong - words.function_weak - words.function_filler
    ):
        return 0
    return 2 if parts & words.function_strong else int(bool(parts & words.function_weak))


def asks_model(name: str, words: Evidence) -> bool:
    """Whether a name begins with asking and ends with a model: `call_model`, `_ask_the_model`."""
    verb = words_of(name)
    return verb[-1:] == ("model",) and verb[0] in words.function_weak - NOT_ASKED


NOT_ASKED = frozenset("run arun model predict infer inference".split())
"""Words of functions that work with models of any kind."""
