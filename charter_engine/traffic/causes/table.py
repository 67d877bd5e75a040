"""All causes: how each is told by the texts, the most particular first, and what to do about it."""

from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from charter_engine.contracts.explaining import CauseKind, MissCause
from charter_engine.traffic.causes import history, identifiers, instructions, moments, order
from charter_engine.traffic.causes.difference import TextDifference

Detector = Callable[[TextDifference], str]
"""Gives the evidence of a cause; empty where it is none."""

DETECTORS: Final[tuple[tuple[CauseKind, Detector], ...]] = (
    ("retokenised", history.retokenised),
    ("whitespace", instructions.whitespace),
    ("gateway", identifiers.gateway),
    ("thinking dropped", history.thinking_dropped),
    ("tool order", order.tool_order),
    ("key order", order.key_order),
    ("item order", order.item_order),
    ("history trimmed", history.history_trimmed),
    ("time stamp", moments.time_stamp),
    ("date", moments.date),
    ("identifier", identifiers.identifier),
    ("counter", identifiers.counter),
    ("system prompt", instructions.system_prompt),
    ("history rewritten", history.history_rewritten),
    ("other text", instructions.other_text),
)

QUOTING: Final[frozenset[CauseKind]] = frozenset(
    {
        "gateway",
        "tool order",
        "key order",
        "time stamp",
        "date",
        "identifier",
        "counter",
        "variable",
        "other text",
    }
)
"""Causes whose evidence has words of the prompts, where the texts told it."""

REMEDIES: Final[dict[CauseKind, str]] = {
    "time stamp": "move the time behind what requests share, or round it to the day",
    "date": "move the date behind what requests share: it costs every prompt anew at midnight",
    "identifier": "move the identifier behind what requests share, or send it in a header",
    "counter": "move the number behind what requests share, or leave it out",
    "gateway": "have the gateway or client put nothing before the prompt: switch that header off, "
    "or have it sent as an HTTP header",
    "tool order": "send tools in one order: sort them by name",
    "key order": "write JSON with sorted keys: json.dumps(…, sort_keys=True)",
    "item order": "put the items in one order before they go into the prompt: sorted(…)",
    "thinking dropped": "keep thinking blocks in the history, or drop them from the first turn on",
    "history trimmed": "trim seldom and much at a time, or summarise at the end of the history: "
    "each cut costs all that follows it",
    "history rewritten": "only append to the history: put what changed into a new message",
    "retokenised": "send the token ids of answers back instead of their text, through charter_bls "
    "segments or prompt_token_ids",
    "whitespace": "build the text in one place: strip or keep blanks the same way each time",
    "system prompt": "keep the system prompt as it is for a whole session; put what changes into "
    "the last message",
    "variable": "move the variable behind what requests share: charter-engine plan proposes the "
    "layout",
    "other text": "put what differs behind what requests share",
    "evicted": "a larger pool, a host tier, or retention for this prefix: charter-engine plan "
    "--from-traffic 1h",
    "block size": "smaller blocks, or a longer shared beginning; the last token is always computed",
    "salt": "share one cache_salt among those who may see each other's prompts",
    "adapter": "blocks are never shared between adapters: send what is shared to one of them",
    "still computing": "send the first request alone, and those that share its beginning after it",
    "reuse off": "switch reuse on: enable_block_reuse for the engine, enable_kv_cache_reuse in a "
    "plan",
    "elsewhere": "route a session to one instance; see that nothing else uses the engine, and that "
    "it was not reloaded meanwhile",
    "new text": "",
}


def cause_of(difference: TextDifference) -> MissCause:
    """The first cause that the texts show; there is always one."""
    for kind, detector in DETECTORS:
        evidence = detector(difference)
        if evidence:
            return cause(kind, evidence)
    raise AssertionError("the last detector always has some evidence")


def cause(kind: CauseKind, evidence: str) -> MissCause:
    """A cause with what can be done about it."""
    return MissCause(kind=kind, evidence=evidence, remedy=REMEDIES[kind])


def without_words(told: MissCause) -> MissCause:
    """A cause that the texts told, with none of their words."""
    return replace(told, evidence="") if told.kind in QUOTING else told
