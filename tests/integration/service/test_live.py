"""One engine on a real Triton: run, edit, push, roll back, record.

And what happens when Triton dies.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from charter_engine.contracts.advice import DoctorReport
from charter_engine.contracts.commands import (
    CancelRun,
    Diagnose,
    DiscardDraft,
    EditNode,
    EditServer,
    EndWatch,
    ListRevisions,
    OpenAgent,
    Push,
    PutBack,
    Rollback,
    ShowCache,
    StartRecording,
    StartRun,
    StopRecording,
)
from charter_engine.contracts.contents import ContentsReport
from charter_engine.contracts.deploy import PushReport
from charter_engine.contracts.deploying import PushWatch
from charter_engine.contracts.gauges import (
    Deploying,
    Nodes,
    PushWatched,
    Run,
    Triton,
)
from charter_engine.contracts.graph import Opportunity
from charter_engine.service.client import RequestFailed
from charter_engine.store.recording_reader import RecordingReader
from tests.integration.service.engines import (
    NOTES,
    Watch,
    draft,
    kill,
    serving,
    session,
    tritons_of,
    watching,
    write_agent,
)

SUMMARY = "Reader.read:summary"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An engine with the small agent open, and run once by itself."""
    directory = tmp_path_factory.mktemp("live")
    agent = write_agent(directory)
    with serving(directory, "--agent", str(agent)):
        yield directory


def deploying(watch: Watch) -> Deploying:
    payload = watch.latest.get("deploying")
    return payload if isinstance(payload, Deploying) else Deploying()


def watched(watch: Watch) -> PushWatched:
    payload = watch.latest.get("watch")
    return payload if isinstance(payload, PushWatched) else PushWatched()


def outcome(watch: Watch) -> str:
    report = watched(watch).report
    return report.outcome if report else ""


def is_idle(watch: Watch) -> bool:
    run = watch.latest.get("run")
    return (
        session(watch).phase == "ready"
        and isinstance(run, Run)
        and run.progress.state not in ("none", "running")
    )


def has_ended(watch: Watch, state: str) -> bool:
    run = watch.latest.get("run")
    return isinstance(run, Run) and run.progress.state == state


async def test_the_agent_is_run_by_itself_and_every_node_is_measured(directory: Path) -> None:
    async with watching(directory) as watch:
        await watch.until(lambda w: has_ended(w, "done"))
        nodes = watch.latest["nodes"]
    assert isinstance(nodes, Nodes)
    assert [node.requests for node in nodes.nodes] == [len(NOTES), len(NOTES)]
    assert all(node.prompt_tokens > node.reused_tokens > 0 for node in nodes.nodes)
    assert all(node.ttft_ms_mean is not None for node in nodes.nodes)


def agreed(report: ContentsReport) -> int:
    """How many blocks are there as predicted."""
    return report.measured.agreed_blocks if report.measured else 0


async def test_the_embedded_engine_tells_of_its_blocks_and_they_lie_as_predicted(
    directory: Path,
) -> None:
    async with watching(directory) as watch:
        await watch.until(is_idle)
        report = ContentsReport()
        async with asyncio.timeout(60):
            # The engine looks for events now and then, and at the tap once a second.
            while not report.cached_blocks or agreed(report) < report.cached_blocks:
                report = await watch.client.request(ShowCache())
    measured = report.measured
    assert measured is not None and measured.complete and not measured.trouble
    assert measured.absent_blocks == 0
    assert {one.name for one in measured.nodes} >= {one.name for one in report.nodes} >= {SUMMARY}


async def test_an_edit_shows_its_diff_its_cost_and_its_prediction(directory: Path) -> None:
    async with watching(directory) as watch:
        await watch.until(is_idle)
        await watch.client.request(
            EditNode(node=SUMMARY, base_revision=session(watch).revision, priority=80)
        )
        await watch.until(lambda w: draft(w).predicted and not draft(w).busy)
        shown = draft(watch)
        await watch.client.request(DiscardDraft())
        await watch.until(lambda w: draft(w).plan is None)
    assert shown.diff is not None and shown.predicted is not None
    assert [(change.place, change.key) for change in shown.diff.changes] == [(SUMMARY, "retention")]
    assert shown.diff.cost == "plan reload"
    assert shown.predicted.prompt_tokens > 0
    assert shown.live_predicted is not None


async def test_a_repeat_is_predicted_from_what_the_run_before_left(directory: Path) -> None:
    async with watching(directory) as watch:
        await watch.until(is_idle)
        await watch.client.request(StartRun())
        await watch.until(lambda w: session(w).next_run)
        shown = session(watch)
        await watch.until(is_idle)
    assert shown.next_run is not None and shown.predicted is not None
    assert shown.next_run.prompt_tokens == shown.predicted.prompt_tokens
    assert shown.next_run.computed_tokens < shown.predicted.computed_tokens


async def test_a_push_goes_live_and_a_rollback_takes_it_back(directory: Path) -> None:
    async with watching(directory) as watch:
        await watch.until(is_idle)
        base = session(watch).revision
        await watch.client.request(EditNode(node=SUMMARY, base_revision=base, priority=80))
        pushed: PushReport = await watch.client.request(Push(base_revision=base, note="higher"))
        await watch.until(
            lambda w: session(w).revision == pushed.revision and session(w).phase == "ready"
        )
        live = session(watch).plan
        counted = watch.latest["nodes"]
        back: PushReport = await watch.client.request(Rollback(base_revision=pushed.revision))
        await watch.until(
            lambda w: session(w).revision == back.revision and session(w).phase == "ready"
        )
        after = session(watch).plan
        revisions = await watch.client.request(ListRevisions())
    assert live is not None and after is not None
    assert [item.priority for item in live.nodes[SUMMARY].retention] == [80]
    assert isinstance(counted, Nodes) and all(node.requests == 0 for node in counted.nodes)
    assert after.nodes[SUMMARY].retention == ()
    assert [item.number for item in revisions][-2:] == [pushed.revision, back.revision]


async def test_an_edit_decided_on_another_revision_is_refused(directory: Path) -> None:
    async with watching(directory) as watch:
        await watch.until(is_idle)
        stale = EditNode(node=SUMMARY, base_revision=session(watch).revision + 7, priority=80)
        with pytest.raises(RequestFailed) as caught:
            await watch.client.request(stale)
    assert caught.value.failure.kind == "stale"


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (EditServer(key="tokens_per_block", value="48", base_revision=-1), "not a power of two"),
        (
            EditServer(key="max_tokens_in_paged_kv_cache", value="1", base_revision=-1),
            "no room for one block",
        ),
        (EditNode(node=SUMMARY, base_revision=-1, priority=101), "101"),
        (EditNode(node="Reader.read:sumary", base_revision=-1, priority=50), "no such node"),
    ],
)
async def test_an_impossible_edit_is_refused_and_kept_in_sight(
    directory: Path, edit: EditNode | EditServer, words: str
) -> None:
    from msgspec.structs import replace

    async with watching(directory) as watch:
        await watch.until(is_idle)
        with pytest.raises(RequestFailed, match=words):
            await watch.client.request(replace(edit, base_revision=session(watch).revision))
        await watch.until(lambda w: words in draft(w).error)
        await watch.client.request(DiscardDraft())


async def test_nothing_to_push_is_said(directory: Path) -> None:
    async with watching(directory) as watch:
        await watch.until(is_idle)
        with pytest.raises(RequestFailed, match="nothing to push"):
            await watch.client.request(Push(base_revision=session(watch).revision))


async def test_a_cancelled_run_ends_and_another_can_begin(directory: Path) -> None:
    async with watching(directory) as watch:
        await watch.until(is_idle)
        await watch.client.request(StartRun())
        with pytest.raises(RequestFailed, match="a run is in progress"):
            await watch.client.request(StartRun())
        await watch.client.request(CancelRun())
        await watch.until(lambda w: has_ended(w, "cancelled"))
        await watch.client.request(StartRun(variant="baseline", limit=1))
        await watch.until(lambda w: has_ended(w, "done"))


async def test_what_is_no_agent_is_refused_with_its_place_and_the_open_one_stays(
    directory: Path,
) -> None:
    async with watching(directory) as watch:
        await watch.until(is_idle)
        with pytest.raises(RequestFailed, match=r"nowhere\.py: there is no such file"):
            await watch.client.request(OpenAgent(path=str(directory / "nowhere.py")))
        (directory / "broken.py").write_text("def f(:\n")
        with pytest.raises(RequestFailed, match=r"broken\.py:1: "):
            await watch.client.request(OpenAgent(path=str(directory / "broken.py")))
        assert session(watch).agent == str(directory / "reader.py")
        await watch.client.request(OpenAgent(path=str(directory / "reader.py")))
        await watch.until(lambda w: not has_ended(w, "done"))


async def test_opportunities_get_the_hit_rates_predicted_on_the_agents_inputs(
    directory: Path,
) -> None:
    async with watching(directory) as watch:
        await watch.until(
            lambda w: all(item.expected_hit_rate for item in opportunities(w)) and opportunities(w)
        )
        assert {item.expected_label for item in opportunities(watch)} == {"predicted"}
        assert all("3 inputs" in item.expected_basis for item in opportunities(watch))


def opportunities(watch: Watch) -> tuple[Opportunity, ...]:
    compiled = session(watch).compiled
    return compiled.opportunities if compiled is not None else ()


async def test_what_happens_is_recorded_with_every_request(directory: Path) -> None:
    path = directory / "demo.charter"
    async with watching(directory) as watch:
        await watch.until(lambda w: session(w).phase == "ready")
        await watch.client.request(StartRecording(path=str(path)))
        await watch.client.request(StartRun())
        await watch.until(lambda w: has_ended(w, "done"))
        await watch.client.request(StopRecording())
    reader = RecordingReader(path)
    assert len(list(reader.requests())) == 2 * len(NOTES)
    assert reader.damaged == ""
    assert any(marker.kind == "run" for marker in reader.markers)


async def test_what_others_change_is_shown_within_seconds_and_until_it_is_as_pushed(
    directory: Path,
) -> None:
    (repository,) = (directory / "state").glob("embedded-*/models")
    config = repository / "tensorrt_llm" / "config.pbtxt"
    pushed = config.read_text()
    async with watching(directory) as watch:
        await watch.until(lambda watch: session(watch).phase == "ready")
        config.write_text(pushed.replace('"0.9"', '"0.4"'))
        await watch.until(lambda watch: session(watch).drift, seconds=10)
        (change,) = session(watch).drift
        assert (change.place, change.old, change.new) == ("tensorrt_llm/config.pbtxt", "0.9", "0.4")
        await watch.until(lambda watch: watch.events[-1].text.startswith("drift since revision"))
        config.write_text(pushed)
        await watch.until(lambda watch: not session(watch).drift, seconds=10)


async def test_a_push_is_watched_until_it_is_ended_and_stands(directory: Path) -> None:
    async with watching(directory) as watch:
        await watch.until(is_idle)
        base = session(watch).revision
        await watch.client.request(EditNode(node=SUMMARY, base_revision=base, priority=64))
        pushed = await watch.client.request(
            Push(base_revision=base, note="watched", watch=PushWatch(seconds=600))
        )
        assert isinstance(pushed, PushReport) and pushed.ok
        await watch.until(lambda watch: watched(watch).report)
        assert watched(watch).revision == pushed.revision
        await watch.client.request(EndWatch())
        await watch.until(lambda watch: outcome(watch) == "ended early")
        assert session(watch).revision == pushed.revision


async def test_what_others_change_is_put_back_step_by_step(directory: Path) -> None:
    (repository,) = (directory / "state").glob("embedded-*/models")
    plan = repository / "charter_bls" / "1" / "plan.json"
    pushed = plan.read_text()
    async with watching(directory) as watch:
        await watch.until(is_idle)
        plan.write_text(pushed.replace("{", '{"planted": 1, ', 1))
        await watch.until(lambda watch: session(watch).drift, seconds=10)
        report = await watch.client.request(PutBack(base_revision=session(watch).revision))
        assert isinstance(report, PushReport) and report.ok
        await watch.until(lambda watch: deploying(watch).state == "done")
        assert session(watch).revision == report.revision
        assert not session(watch).drift
        told = deploying(watch)
        assert told.kind == "put back"
        assert "loaded charter_bls" in [step.text for step in told.steps]
        assert "charter_bls answered a request" in told.verified
    assert "planted" not in plan.read_text()


async def test_what_is_wrong_is_told_of_the_deployment_and_of_the_machine(directory: Path) -> None:
    async with watching(directory) as watch:
        await watch.until(is_idle)
        report = await watch.client.request(Diagnose())
        assert isinstance(report, DoctorReport)
        assert report.deployment
        assert {"reuse", "drift", "the embedded Triton"} <= set(report.sound)


async def test_triton_dying_in_a_run_is_shown_and_it_comes_back(directory: Path) -> None:
    write_agent(directory, max_tokens=400)
    async with watching(directory) as watch:
        await watch.client.request(OpenAgent(path=str(directory / "reader.py")))
        await watch.until(lambda w: session(w).phase == "ready")
        await watch.client.request(StartRun())
        await watch.until(lambda w: any(node.state == "running" for node in nodes_of(w)))
        (server,) = tritons_of(directory)
        kill(server)
        await watch.until(
            lambda w: any(node.state == "failed" and node.reason for node in nodes_of(w))
        )
        await watch.until(lambda w: health(w) == "ready" and session(w).phase == "ready")
        write_agent(directory)
        await watch.client.request(OpenAgent(path=str(directory / "reader.py")))
        await watch.client.request(StartRun())
        await watch.until(lambda w: has_ended(w, "done"))


def nodes_of(watch: Watch) -> tuple:  # type: ignore[type-arg]
    payload = watch.latest.get("nodes")
    return payload.nodes if isinstance(payload, Nodes) else ()


def health(watch: Watch) -> str:
    payload = watch.latest.get("triton")
    return payload.sample.health if isinstance(payload, Triton) else ""
