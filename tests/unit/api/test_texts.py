"""What is left of records where no text is to be kept."""

import msgspec

from charter_engine.api.texts import report_without_text, revision_without_text, without_text
from charter_engine.contracts.deploy import Revision
from charter_engine.contracts.graph import Call, CompiledFile, Opportunity, Segment
from charter_engine.contracts.live import NodeStats, RunProgress, RunReport
from charter_engine.contracts.plan import NodePlan, Plan
from charter_engine.contracts.protocol import Draft, Nodes, Payload, Run, Session

SECRET = "the patient's name"
PLAN = Plan(agent="a.py", nodes={"a": NodePlan(order=(1, 0), wording={0: SECRET})})
CALL = Call(
    id="a",
    path="a.py",
    line=1,
    end_line=2,
    segments=(Segment(kind="static", text=SECRET, tokens=5), Segment(kind="variable", name="x")),
)
OPPORTUNITY = Opportunity(
    pattern="shared_prefix", nodes=("a",), shared_tokens=5, constant=(SECRET,)
)
STATS = NodeStats(node="a", requests=3, output_text=SECRET)


def said(record: object) -> str:
    return msgspec.json.encode(record).decode()


def test_a_session_keeps_its_graph_and_loses_its_words() -> None:
    session = Session(
        engine_version="1",
        compiled=CompiledFile(path="a.py", calls=(CALL,), opportunities=(OPPORTUNITY,)),
        plan=PLAN,
    )
    kept = without_text(session)
    assert SECRET in said(session) and SECRET not in said(kept)
    assert isinstance(kept, Session) and kept.compiled is not None and kept.plan is not None
    assert [segment.tokens for segment in kept.compiled.calls[0].segments] == [5, None]
    assert kept.compiled.opportunities[0].shared_tokens == 5
    assert kept.plan.nodes["a"].order == (1, 0)


def test_nodes_and_drafts_lose_their_words() -> None:
    payloads: tuple[Payload, ...] = (Nodes((STATS,)), Draft(plan=PLAN))
    for payload in payloads:
        assert SECRET in said(payload)
        assert SECRET not in said(without_text(payload))


def test_what_has_no_text_stays_as_it_is() -> None:
    payload = Run(RunProgress())
    assert without_text(payload) is payload


def test_runs_and_revisions_lose_their_words() -> None:
    report = RunReport(
        run="r",
        agent="a.py",
        variant="plan",
        state="done",
        items=1,
        elapsed_ms=1.0,
        nodes=(STATS,),
        outputs=({"answer": SECRET},),
    )
    revision = Revision(number=1, created_at=0.0, deployment="d", agent="a.py", plan=PLAN)
    assert SECRET not in said(report_without_text(report))
    assert SECRET not in said(revision_without_text(revision))
    assert report_without_text(report).nodes[0].requests == 3
