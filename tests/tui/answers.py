"""What a scripted engine answers when asked for runs, revisions and requests."""

from collections.abc import Sequence
from typing import cast

from charter_engine.contracts.commands import (
    CompareRuns,
    ExplainMiss,
    ListMisses,
    ListPassed,
    ListSessions,
    RevisionDetail,
    ShowCache,
    ShowRevision,
    ShowRun,
)
from charter_engine.contracts.contents import ContentsReport
from charter_engine.contracts.deploy import Diff
from charter_engine.contracts.live import RequestRecord
from charter_engine.contracts.runs import Interval, RunComparison, RunDetail, RunDifference
from charter_engine.contracts.traffic import TrafficRecord
from tests.tui.cache_scene import POOL, SESSIONS
from tests.tui.scene import DRAFT, LIVE_RUN, REVISIONS, RUNS, START, VALIDATED, WRITTEN_RUN
from tests.tui.scripted import Answer
from tests.tui.traffic_scene import REPORT, RESULT, passed

DIFFERENCES = (
    RunDifference(
        figure="computed_tokens",
        before=25_290.0,
        after=18_630.0,
        change=-0.263,
        interval=Interval(-0.31, -0.22),
    ),
    RunDifference(figure="whole_ms", before=9_800.0, after=14_200.0, change=0.449),
    RunDifference(figure="token_hit_rate", before=0.042, after=0.31, change=0.268),
)


def about_runs() -> dict[type, Answer]:
    """Any of the scene's runs, with one slow request; and any two of them compared."""

    def shown(command: object) -> RunDetail:
        run = RUNS.numbered(cast("ShowRun", command).number)
        assert run is not None
        slow = RequestRecord(
            run=run.run, node=VALIDATED, item=7, started_at=START, latency_ms=1_234.0
        )
        return RunDetail(summary=run, requests=(slow,))

    def compared(command: object) -> RunComparison:
        asked = cast("CompareRuns", command)
        before, after = RUNS.numbered(asked.before), RUNS.numbered(asked.after)
        assert before is not None
        assert after is not None
        return RunComparison(
            before=before, after=after, verdict=RUNS.verdict, differences=DIFFERENCES
        )

    return {ShowRun: shown, CompareRuns: compared}


def about_revisions() -> dict[type, Answer]:
    """The live revision, with runs before and under it."""
    assert DRAFT.diff is not None
    detail = RevisionDetail(
        revision=REVISIONS[2],
        diff=DRAFT.diff,
        back=Diff(base_revision=3),
        before=WRITTEN_RUN,
        after=LIVE_RUN,
        verdict=RUNS.verdict,
    )
    return {ShowRevision: lambda _: detail}


def about_requests(told: Sequence[TrafficRecord]) -> dict[type, Answer]:
    """What passed so far, which may grow, and why the last one missed."""
    return {
        ListPassed: lambda asked: passed(cast("ListPassed", asked).after, tuple(told)),
        ListMisses: lambda _: REPORT,
        ExplainMiss: lambda _: RESULT,
    }


def about_cache(pool: ContentsReport = POOL) -> dict[type, Answer]:
    """What lies in the pool, and the sessions of what passed."""
    return {ShowCache: lambda _: pool, ListSessions: lambda _: SESSIONS}
