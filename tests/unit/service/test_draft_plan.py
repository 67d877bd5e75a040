"""What is live for the open agent, and the draft's difference from what is served."""

import asyncio

import pytest
from msgspec.structs import replace

from charter_engine.api.drafting import LivePlan, default_plan, live_plan
from charter_engine.api.waves import PredictedOrder
from charter_engine.contracts.deploy import Profile, Revision
from charter_engine.contracts.gauges import Draft
from charter_engine.contracts.graph import Call, CompiledFile, Segment
from charter_engine.contracts.plan import NodePlan, Plan, SegmentRange
from charter_engine.errors import UsageError
from charter_engine.service import draft_plan
from charter_engine.service.draft_plan import DraftPlan

KEPT = NodePlan(retention=(SegmentRange(priority=80),))
PROFILE = Profile(path="engine", charter_bls=True, retention=True, load_unload=True)


def call(identifier: str, text: str) -> Call:
    segments = (Segment(kind="static", text=text), Segment(kind="variable", name="note"))
    return Call(id=identifier, path="agent.py", line=1, end_line=1, segments=segments)


def agent(path: str, *calls: Call) -> Plan:
    """An agent's plan as written."""
    return default_plan(CompiledFile(path=path, calls=calls))


READ, WRITE = call("read", "You read."), call("write", "You write.")
OWN = agent("/here/desk.py", READ, WRITE)


def pushed(plan: Plan, number: int = 4) -> Revision:
    return Revision(number=number, created_at=0.0, deployment="d", agent=plan.agent, plan=plan)


async def no_prediction(_: Plan) -> PredictedOrder | None:
    return None


def drafting(live: LivePlan) -> tuple[DraftPlan, list[Draft]]:
    shown: list[Draft] = []
    draft = DraftPlan(no_prediction, shown.append)
    draft.reset(live, OWN.identity, PROFILE)
    return draft, shown


def keep_read(plan: Plan) -> Plan:
    return replace(plan, nodes={**plan.nodes, "read": KEPT})


def test_without_a_push_everything_is_live_as_written() -> None:
    assert live_plan(None, OWN) == LivePlan(OWN, OWN)


def test_a_plan_pushed_from_elsewhere_is_live_with_the_agents_own_path() -> None:
    served = replace(agent("agents/desk.py", READ, WRITE), nodes={"read": KEPT})
    live = live_plan(pushed(served), OWN)
    assert live.plan.nodes == {"read": KEPT, "write": NodePlan()}
    assert (live.plan.agent, live.served, live.revision) == ("/here/desk.py", served, 4)


def test_a_call_that_is_gone_is_left_out_of_what_is_shown_and_not_of_the_difference() -> None:
    served = replace(agent("desk.py", READ, WRITE, call("sort", "You sort.")), nodes={"sort": KEPT})
    live = live_plan(pushed(served), OWN)
    assert live.plan.nodes.keys() == {"read", "write"}
    assert live.served.nodes == {"sort": KEPT}


def test_beside_another_agents_plan_everything_is_as_written() -> None:
    other = replace(agent("other.py", call("judge", "You judge.")), nodes={"judge": KEPT})
    live = live_plan(pushed(other), OWN)
    assert (live.plan, live.served, live.revision) == (OWN, other, 4)


async def test_a_draft_is_compared_with_what_is_served() -> None:
    other = replace(agent("other.py", call("judge", "You judge.")), nodes={"judge": KEPT})
    draft, shown = drafting(live_plan(pushed(other), OWN))
    draft.edit(4, keep_read)
    diff = shown[-1].diff
    draft.stop()
    assert diff is not None
    assert [(change.place, change.key) for change in diff.changes] == [
        ("read", "retention"),
        ("judge", "retention"),
    ]


async def test_a_draft_is_for_the_agent_as_it_is() -> None:
    served = agent("desk.py", call("read", "You once read."), WRITE)
    draft, shown = drafting(live_plan(pushed(served), OWN))
    draft.edit(4, keep_read)
    plan, diff = shown[-1].plan, shown[-1].diff
    draft.stop()
    assert plan is not None and plan.identity == OWN.identity
    assert diff is not None
    assert [(change.key, change.new) for change in diff.changes if change.place == "read"] == [
        ("call", "changed text"),
        ("retention", "segments 0-end: 80 until evicted"),
    ]


async def test_an_edit_that_leads_back_to_what_is_live_leaves_no_draft() -> None:
    draft, shown = drafting(live_plan(pushed(OWN), OWN))
    draft.edit(4, keep_read)
    draft.edit(4, lambda plan: replace(plan, nodes=OWN.nodes))
    draft.stop()
    assert shown[-1] == Draft(undoable=2)


async def test_a_refused_edit_is_told_for_a_while_and_not_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(draft_plan, "REFUSAL_SECONDS", 0.01)
    draft, shown = drafting(live_plan(pushed(OWN), OWN))

    def refuse(_: Plan) -> Plan:
        raise UsageError("48 is not a power of two")

    with pytest.raises(UsageError):
        draft.edit(4, refuse)
    assert shown[-1].error == "48 is not a power of two"
    await asyncio.sleep(0.05)
    assert shown[-1].error == ""


async def test_edits_are_taken_back_one_after_another_and_made_again() -> None:
    draft, _ = drafting(LivePlan(OWN, OWN, 1))
    draft.edit(1, keep_read)
    kept = draft.draft.plan
    draft.discard()
    assert (draft.draft.plan, draft.draft.undoable) == (None, 2)
    draft.undo()
    assert draft.draft.plan == kept
    draft.undo()
    assert (draft.draft.plan, draft.draft.undoable, draft.draft.redoable) == (None, 0, 2)
    draft.redo()
    assert draft.draft.plan == kept
    draft.stop()


async def test_an_edit_after_an_undo_leaves_nothing_to_make_again() -> None:
    draft, _ = drafting(LivePlan(OWN, OWN, 1))
    draft.edit(1, keep_read)
    draft.undo()
    draft.edit(1, keep_read)
    with pytest.raises(UsageError, match="no edit of the draft was taken back"):
        draft.redo()
    draft.stop()


async def test_what_was_decided_on_another_revision_cannot_be_taken_back() -> None:
    draft, _ = drafting(LivePlan(OWN, OWN, 1))
    draft.edit(1, keep_read)
    draft.reset(LivePlan(OWN, OWN, 2), OWN.identity, PROFILE)
    with pytest.raises(UsageError, match="no edit of the draft is left"):
        draft.undo()
    draft.stop()
