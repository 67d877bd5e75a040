"""What is left of a record where no text of prompts and answers is to be kept.

Names, places, lengths and figures stay, so that graph and figures can be replayed.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from charter_engine.contracts.canary import CanaryAnswer, ServerCanary
from charter_engine.contracts.deploy import Change
from charter_engine.contracts.fleet import ServerDifference
from charter_engine.contracts.gateway import GatewayRecord
from charter_engine.contracts.gauges import (
    Deploying,
    Draft,
    Event,
    EventKind,
    Session,
    Work,
    WorkResults,
)
from charter_engine.contracts.graph import Call, Diagnostic, Loop, Opportunity, Segment
from charter_engine.contracts.layout_preview import LayoutExample
from charter_engine.contracts.live import NodeStats, RequestRecord, RunReport
from charter_engine.contracts.plan import NodePlan, Plan
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.triton.release import BLS_PLAN

Record = TypeVar("Record")

NOT_KEPT = "(not kept)"
"""Stands where words were."""
WORDS: Mapping[type[Struct], frozenset[str]] = {
    Call: frozenset({"condition", "parameters"}),
    CanaryAnswer: frozenset({"text", "token_ids", "log_probs"}),
    Diagnostic: frozenset({"message", "remedy"}),
    Draft: frozenset({"error"}),
    GatewayRecord: frozenset({"error"}),
    LayoutExample: frozenset({"before", "after"}),
    Loop: frozenset({"target", "iterable"}),
    NodePlan: frozenset({"wording"}),
    NodeStats: frozenset({"reason", "output_text"}),
    Opportunity: frozenset({"expected_basis", "derivation", "constant", "varying"}),
    RequestRecord: frozenset({"error"}),
    RunReport: frozenset({"errors", "outputs"}),
    Segment: frozenset({"text", "expression"}),
    ServerCanary: frozenset({"message"}),
    ServerDifference: frozenset({"usual", "found"}),
    Session: frozenset({"notice"}),
    TrafficRecord: frozenset({"error"}),
    Work: frozenset({"error", "remedy"}),
}
"""The fields that hold words of prompts and answers, source text, or an error that may quote them.

A corrupted cache may answer the canary with what others asked, and servers may differ in the
wording of a plan.
"""
TELL_ERRORS: frozenset[EventKind] = frozenset({"failure", "work", "canary", "push", "rollback"})
"""The kinds of events that tell, as errors, in the words of a server, a program or a file."""


def without_text(record: Record) -> Record:
    """A record, or several, without words.

    Of work that was done nothing stays: a plan file may quote prompts anywhere.
    """
    kept: Record = _walked(record)
    return kept


def lacks_text(plan: Plan) -> bool:
    """Whether words of a plan were not kept, so that nothing can be sent under it."""
    return any(NOT_KEPT in node.wording.values() for node in plan.nodes.values())


def _walked(value: Any) -> Any:
    match value:
        case WorkResults():
            return WorkResults()
        case Struct():
            return _without_words(value)
        case tuple():
            return tuple(map(_walked, value))
        case dict():
            return {key: _walked(item) for key, item in value.items()}
        case _:
            return value


def _without_words(record: Struct) -> Struct:
    words = _words_of(record)
    fields = {name: getattr(record, name) for name in record.__struct_fields__}
    return replace(
        record,
        **{
            name: _blanked(value) if name in words else _walked(value)
            for name, value in fields.items()
        },
    )


def _words_of(record: Struct) -> frozenset[str]:
    """The fields of this record that hold words, or may."""
    match record:
        case Event(kind=kind, level="error") if kind in TELL_ERRORS:
            return frozenset({"text"})
        case Deploying(state="failed"):
            return frozenset({"message"})
        case Change(place=place) if place == BLS_PLAN:
            return frozenset({"old", "new"})
        case Segment(name=name) if not name.isidentifier():  # it is source text
            return WORDS[Segment] | {"name"}
        case _:
            return WORDS.get(type(record), frozenset())


def _blanked(value: Any) -> Any:
    """Of a text that there was one, of texts how many, and figures by their names."""
    match value:
        case str():
            return NOT_KEPT if value else value
        case tuple():
            return tuple(_blanked(item) for item in value if isinstance(item, str))
        case dict():
            return {key: _blanked(item) for key, item in value.items()}
        case _:
            return value
