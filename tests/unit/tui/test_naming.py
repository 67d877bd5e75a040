"""What calls are called, on every screen alike."""

from charter_engine.contracts.gauges import Session
from charter_engine.contracts.graph import Call, CompiledFile
from charter_tui.naming import name_by_id
from charter_tui.state import Snapshot


def snapshot_of(*calls: Call) -> Snapshot:
    compiled = CompiledFile(path="a.py", calls=calls)
    return Snapshot(session=Session(engine_version="0", compiled=compiled))


def call(node: str, name: str) -> Call:
    return Call(id=node, path="a.py", line=1, end_line=1, name=name)


def test_a_call_is_called_what_came_with_its_agent() -> None:
    assert snapshot_of(call("A.run:14", "draft:14")).named("A.run:14") == "draft:14"


def test_a_call_that_the_agent_does_not_have_is_called_by_its_id() -> None:
    assert snapshot_of().named("A.run:draft") == "draft"
    assert name_by_id("A.run:14") == "run:14"
    assert name_by_id("draft") == "draft"


def test_the_whole_id_is_shown_only_where_it_ends_in_the_name() -> None:
    shown = snapshot_of(call("A.run:14", "draft:14"), call("A.run:plan", "plan"))
    assert shown.named_in_full("A.run:plan") == "A.run:plan"
    assert shown.named_in_full("A.run:14") == "draft:14"
