"""What is left of records where no text is to be kept."""

import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import inspect
from msgspec.structs import replace

from charter_engine.api.agents import open_agent
from charter_engine.api.texts import NOT_KEPT, lacks_text, without_text
from charter_engine.contracts.deploy import Revision
from charter_engine.contracts.gateway import GatewayRecord
from charter_engine.contracts.gauges import (
    Database,
    Deploying,
    Event,
    EventKind,
    Nodes,
    Past,
    Payload,
    Recording,
    Replay,
    Session,
    Watchers,
    WorkResults,
)
from charter_engine.contracts.live import NodeStats, RequestRecord, RunReport
from charter_engine.contracts.plan import NodePlan, Plan
from charter_engine.contracts.planning import PlanResult
from charter_engine.contracts.traffic import TrafficRecord

SECRET = "the patient's name"
RECORDED = tuple(
    kind
    for kind in typing.get_args(Payload)
    if kind not in (Database, Past, Recording, Replay, Watchers, WorkResults)
)
KEPT = (*RECORDED, Event, RequestRecord, RunReport, Revision, TrafficRecord, GatewayRecord)
"""What goes into recordings and the database, and out as spans."""
NAMES = {
    "AgentIdentity": "name fingerprint calls",
    "Alternative": "settings",
    "Call": "id name path family function via fanout output parameters",
    "CanaryAlarm": "remedy",
    "CanaryReport": "reason",
    "Change": "place key old new loses reason",
    "CompiledFile": "path",
    "Dependency": "call",
    "DeployStep": "text",
    "Deploying": "message remedy verified",
    "Diagnostic": "path",
    "Diff": "notes",
    "Event": "node",
    "EventEndpoint": "published replayed",
    "FleetNow": "trouble",
    "GatewayRecord": "request_id route model server session node unmatched layout_reason",
    "GpuProcess": "name user",
    "GpuSample": "name uuid slowdowns",
    "GpuStatus": "reason driver",
    "HiddenFigures": "figures option",
    "LayoutExample": "node",
    "LayoutPreview": "reasons notes",
    "MemoryPart": "source",
    "NodeParts": "node",
    "NodePlan": "extends cache_group why",
    "NodePrediction": "node",
    "NodeStats": "node",
    "Opportunity": "nodes",
    "Plan": "agent nodes why workload reuse_times",
    "Prediction": "settings notes times_source",
    "Profile": "server_version models parameters original defaults reasons",
    "Reason": "text",
    "RequestRecord": "run node request_id",
    "Revision": "deployment agent note by parent_checksum",
    "RunProgress": "run variant",
    "RunReport": "run agent variant state note",
    "RunSummary": "run variant state agent fingerprint deployment",
    "Segment": "name call path",
    "ServerCanary": "server remedy",
    "ServerDifference": "server path remedy",
    "ServerLever": "where reason remedy",
    "ServerNow": "server",
    "ServerProfile": "address version model tokenizer manager_evidence rules_evidence "
    "request_counters drained notes",
    "Session": "engine_version phase agent started_with",
    "Tick": "ranges",
    "TraceContext": "trace_id span_id parent_id state",
    "TrafficRecord": "agent run request_id session node form unmatched layout_reason trial_unit "
    "salt adapter instance",
    "TritonSample": "called reason url version models runtime_memory_bytes breaker_reason",
    "Verdict": "words",
    "WatchedQuality": "name",
    "Work": "subject stage",
}
"""The texts of each record that are names, places, or sentences of Charter's own; of a mapping, the
keys. Any other text belongs into `texts.WORDS`."""
PLANTED = "planted"
AGENT = f"""
class Agent:
    def __init__(self, client, notes):
        self.client = client
        self.notes = notes

    def run(self, rows):
        for row in [{SECRET!r}, *rows]:
            if self.notes != {SECRET!r}:
                self.client.generate(
                    "Notes on {SECRET}:" + row[{SECRET!r}] + "\\n" + row.get({SECRET!r}, ""),
                    stop={SECRET!r}, max_tokens=5,
                )
"""


def planted(kind: inspect.Type) -> Any:
    """A value of that type whose every text is planted, and whose collections hold one item."""
    match kind:
        case inspect.StrType():
            return PLANTED
        case inspect.IntType() | inspect.FloatType() | inspect.BoolType():
            return 0
        case inspect.BytesType():
            return b""
        case inspect.LiteralType(values):
            return values[0]
        case inspect.UnionType(types=options):
            texts = (one for one in options if isinstance(one, inspect.StrType))
            others = (one for one in options if not isinstance(one, inspect.NoneType))
            return planted(next(texts, None) or next(others))
        case inspect.TupleType(item_types):
            return tuple(planted(one) for one in item_types)
        case inspect.VarTupleType(item_type=item):
            return (planted(item),)
        case inspect.DictType(key_type=key, value_type=value):
            return {planted(key): planted(value)}
        case inspect.StructType(cls=record) | inspect.DataclassType(cls=record):
            return record(**{field.name: planted(field.type) for field in kind.fields})
        case _:
            raise AssertionError(f"say how to plant {kind}")


def texts_in(value: object) -> Iterator[tuple[str, str]]:
    """The records and fields in which planted texts are left."""
    names = getattr(value, "__struct_fields__", getattr(value, "__match_args__", ()))
    for name in names:
        inner = getattr(value, name)
        if holds_planted(inner):
            yield type(value).__name__, name
        yield from texts_in(inner)
    if isinstance(value, tuple | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from texts_in(item)


def holds_planted(value: object) -> bool:
    match value:
        case tuple():
            return any(holds_planted(item) for item in value)
        case dict():
            return any(holds_planted(item) for item in (*value, *value.values()))
        case _:
            return value == PLANTED


def said(record: object) -> str:
    return msgspec.json.encode(record).decode()


def test_every_text_of_what_is_kept_is_a_name_or_left_out() -> None:
    names = {(record, field) for record, fields in NAMES.items() for field in fields.split()}
    left = {
        place for kind in KEPT for place in texts_in(without_text(planted(inspect.type_info(kind))))
    }
    assert left == names


def test_no_word_of_a_source_is_left_of_an_agent(tmp_path: Path) -> None:
    (tmp_path / "agent.py").write_text(AGENT)
    session = Session(
        engine_version="1", compiled=open_agent(tmp_path / "agent.py", use_cache=False).compiled
    )
    kept = without_text(session)
    assert said(session).count(SECRET) > 5
    assert SECRET not in said(kept)
    assert isinstance(kept, Session) and kept.compiled is not None
    (call,) = kept.compiled.calls
    assert call.parameters["max_tokens"] == 5
    assert call.segments[0].tokens is not None


def test_a_plan_keeps_its_layouts() -> None:
    plan = Plan(agent="a.py", nodes={"a": NodePlan(order=(1, 0), wording={0: SECRET})})
    kept = without_text(Revision(number=1, created_at=0.0, deployment="d", agent="", plan=plan))
    assert kept.plan.nodes["a"].order == (1, 0)
    assert lacks_text(kept.plan) and not lacks_text(plan)


def test_nodes_keep_their_figures_and_those_of_traffic() -> None:
    stats = NodeStats(node="a", requests=3, output_text=SECRET)
    kept = without_text(Nodes((stats,), traffic=(stats,)))
    assert [(node.requests, node.output_text) for node in (*kept.nodes, *kept.traffic)] == [
        (3, NOT_KEPT),
        (3, NOT_KEPT),
    ]


def test_a_request_that_failed_is_still_one_that_failed() -> None:
    failed = RequestRecord(run="r", node="a", item=0, started_at=0.0, error=SECRET)
    assert without_text(failed).error == NOT_KEPT
    passed = RequestRecord(run="r", node="a", item=0, started_at=0.0)
    assert without_text(passed).error is None


@pytest.mark.parametrize("kind", ["failure", "work", "canary", "push", "rollback"])
def test_the_words_of_an_error_are_left_out_of_what_happened(kind: EventKind) -> None:
    event = Event(sequence=1, at=0.0, kind=kind, text=SECRET, level="error", node="a")
    assert without_text(event) == replace(event, text=NOT_KEPT)


def test_what_is_said_in_charters_own_words_stays() -> None:
    event = Event(sequence=1, at=0.0, kind="work", text="planning began")
    assert without_text(event) == event


def test_why_a_push_failed_is_left_out_and_what_one_did_stays() -> None:
    told = "revision 3 is live"
    assert without_text(Deploying(state="failed", message=SECRET)).message == NOT_KEPT
    assert without_text(Deploying(state="done", message=told)).message == told


def test_of_work_that_was_done_nothing_stays() -> None:
    results = WorkResults(plan=planted(inspect.type_info(PlanResult)))
    assert without_text(results) == WorkResults()
