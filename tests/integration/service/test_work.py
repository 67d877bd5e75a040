"""Work that takes a while, over a real socket on the embedded Triton: planning on a workload,
sweeping, learning, calibrating, and a small benchmark."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from charter_engine.contracts.answers import AnswersRequest
from charter_engine.contracts.benching import BenchRequest
from charter_engine.contracts.commands import (
    Bench,
    Calibrate,
    CancelWork,
    Command,
    CompareAnswers,
    DiscardDraft,
    DraftFoundPlan,
    FindPlan,
    Learn,
    Predict,
    ProposePlan,
    StartRecording,
    StartRun,
    StopRecording,
)
from charter_engine.contracts.gauges import Work, WorkResults
from charter_engine.contracts.learning import CalibrateRequest, LearnRequest
from charter_engine.contracts.planning import Levers, PlanRequest
from charter_engine.contracts.predicting import PredictRequest
from charter_engine.service.client import RequestFailed
from charter_engine.store.recording_reader import RecordingReader
from tests.integration.service.engines import (
    Watch,
    draft,
    serving,
    session,
    watching,
    write_agent,
)
from tests.integration.service.test_live import is_idle

SUMMARY, VERDICT = "Reader.read:summary", "Reader.read:verdict"
SESSIONS = 30


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An engine with the small agent open, and a workload of its sessions beside it."""
    directory = tmp_path_factory.mktemp("work")
    agent = write_agent(directory)
    write_workload(directory / "sessions.jsonl")
    with serving(directory, "--agent", str(agent)):
        yield directory


def write_workload(path: Path) -> None:
    """Sessions of both calls, ten seconds apart, whose second prompt continues the first."""
    lines = []
    for number in range(SESSIONS):
        start, own = number * 10_000, [0, 1, 100 + number]
        for call, later, blocks in ((SUMMARY, 0, own), (VERDICT, 900, [*own, 1000 + number])):
            lines.append(
                {
                    "timestamp": start + later,
                    "input_length": 512 * len(blocks),
                    "output_length": 8,
                    "hash_ids": blocks,
                    "node": call,
                    "session": f"s{number}",
                }
            )
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def work(watch: Watch) -> Work:
    payload = watch.latest.get("work")
    return payload if isinstance(payload, Work) else Work()


def results(watch: Watch) -> WorkResults:
    payload = watch.latest.get("results")
    return payload if isinstance(payload, WorkResults) else WorkResults()


async def carried_out(watch: Watch, command: Command, *, state: str = "done") -> Work:
    """The work that the command begins, once it has ended."""
    await watch.until(lambda w: "work" in w.latest)
    before = work(watch).started_at
    await watch.client.request(command)
    await watch.until(
        lambda w: work(w).started_at > before and work(w).state not in ("running", "stopping"),
        seconds=120,
    )
    ended = work(watch)
    assert ended.state == state, ended
    return ended


async def test_a_proposal_on_a_workload_becomes_the_draft(directory: Path) -> None:
    request = PlanRequest(
        workload=str(directory / "sessions.jsonl"),
        objective="throughput",
        levers=Levers(host_tier=False),
        preset="none",
        output=str(directory / "plan.yaml"),
    )
    async with watching(directory) as watch:
        await watch.until(is_idle)
        base = session(watch).revision
        await carried_out(watch, ProposePlan(base_revision=base, request=request))
        await watch.until(lambda w: draft(w).plan and not draft(w).busy)
        plan, found = draft(watch).plan, results(watch).plan
        await watch.client.request(DiscardDraft())
    assert plan is not None and found is not None
    assert "sessions.jsonl" in plan.workload
    assert found.derivation.policies.workload.endswith("sessions.jsonl")
    assert plan.reuse_times is None or Path(plan.reuse_times).is_file()
    assert (directory / "plan.yaml").is_file()


async def test_a_plan_that_was_found_leaves_the_draft_alone_until_it_is_loaded(
    directory: Path,
) -> None:
    async with watching(directory) as watch:
        await watch.until(is_idle)
        await carried_out(watch, FindPlan())
        assert draft(watch).plan is None
        await watch.client.request(DraftFoundPlan(base_revision=session(watch).revision))
        await watch.until(lambda w: draft(w).plan)
        found, drafted = results(watch).plan, draft(watch).plan
        await watch.client.request(DiscardDraft())
    assert found is not None and drafted is not None
    assert drafted.nodes == found.derivation.plan.nodes


async def test_answers_of_the_draft_are_compared_on_the_live_deployment(directory: Path) -> None:
    few = CompareAnswers(request=AnswersRequest(agent="", iterations=1, max_tokens=4, check="json"))
    async with watching(directory) as watch:
        await watch.until(is_idle)
        with pytest.raises(RequestFailed, match="there is nothing to compare"):
            await watch.client.request(few)
        await carried_out(watch, FindPlan())
        await watch.client.request(DraftFoundPlan(base_revision=session(watch).revision))
        await watch.until(lambda w: draft(w).plan)
        await carried_out(watch, few)
        found, drafted = results(watch).answers, draft(watch).plan
        await watch.client.request(DiscardDraft())
    assert found is not None and found.complete and found.plan == drafted
    assert [node.node for node in found.nodes] == [SUMMARY, VERDICT]
    assert all(node.written.passed == 0 for node in found.nodes)


async def test_settings_are_swept(directory: Path) -> None:
    request = PredictRequest(workload=str(directory / "sessions.jsonl"))
    settings = ("tokens_per_block=16,32,64", "gpu_tokens=20000")
    async with watching(directory) as watch:
        await watch.until(is_idle)
        await carried_out(watch, Predict(request=request, settings=settings))
        found = results(watch).predict
    assert found is not None
    sizes = [one.settings["tokens_per_block"] for one in found.report.predictions]
    assert sizes == [16, 32, 64]


async def test_reuse_times_are_learnt_and_written(directory: Path) -> None:
    output = directory / "reuse_times.json"
    request = LearnRequest(sources=(str(directory / "sessions.jsonl"),), output=str(output))
    async with watching(directory) as watch:
        await carried_out(watch, Learn(request=request))
        found = results(watch).learn
    assert found is not None and output.is_file()
    assert {node.node for node in found.report.nodes} == {SUMMARY, VERDICT}


async def test_times_are_calibrated_on_a_recording_of_a_run(directory: Path) -> None:
    recording = directory / "run.charter"
    async with watching(directory) as watch:
        await watch.until(is_idle)
        await watch.client.request(StartRecording(path=str(recording)))
        await watch.client.request(StartRun())
        await watch.until(lambda w: session(w).phase == "running")
        await watch.until(is_idle)
        await watch.client.request(StopRecording())
        await carried_out(watch, Calibrate(request=CalibrateRequest(recording=str(recording))))
        found = results(watch).calibrate
    assert found is not None
    recorded = list(RecordingReader(recording).requests())  # the tap may tell of some just before
    assert found.calibration.requests == len(recorded) >= 6
    assert found.calibration.model.label == "predicted"


async def test_a_small_benchmark_measures_on_servers_of_its_own(directory: Path) -> None:
    quick = BenchRequest(agent="", quick=True, iterations=1, max_tokens=4)
    async with watching(directory) as watch:
        await watch.until(is_idle)
        await carried_out(watch, Bench(request=quick))
        found = results(watch).bench
    assert found is not None and found.complete
    assert {"baseline", "source", "plan"} <= {one.name for one in found.variants}
    assert all(one.elapsed_ms > 0 and one.requests > 0 for one in found.variants)


async def test_work_is_cancelled_midway_and_other_work_can_begin(directory: Path) -> None:
    bench = Bench(request=BenchRequest(agent="", quick=True))
    async with watching(directory) as watch:
        await watch.until(is_idle)
        await watch.client.request(bench)
        await watch.until(lambda w: work(w).kind == "bench" and work(w).stage)
        with pytest.raises(RequestFailed, match="a benchmark is in progress"):
            await watch.client.request(FindPlan())
        with pytest.raises(RequestFailed, match="a benchmark is in progress"):
            await watch.client.request(StartRun())
        await watch.client.request(CancelWork())
        await watch.until(lambda w: work(w).state == "cancelled")
        await carried_out(watch, FindPlan())


async def test_a_file_that_is_not_there_is_refused_at_once(directory: Path) -> None:
    missing = PredictRequest(workload=str(directory / "nowhere.jsonl"))
    async with watching(directory) as watch:
        with pytest.raises(RequestFailed, match="there is no such file"):
            await watch.client.request(Predict(request=missing))


async def test_a_setting_that_is_none_is_refused_at_once(directory: Path) -> None:
    request = PredictRequest(workload=str(directory / "sessions.jsonl"))
    async with watching(directory) as watch:
        with pytest.raises(RequestFailed, match="gpu_block: no such setting"):
            await watch.client.request(Predict(request=request, settings=("gpu_block=3",)))


async def test_a_file_that_is_no_workload_fails_with_what_is_wrong(directory: Path) -> None:
    (directory / "notes.jsonl").write_text("rain until noon\n")
    notes = PredictRequest(workload=str(directory / "notes.jsonl"), strict=True)
    async with watching(directory) as watch:
        ended = await carried_out(watch, Predict(request=notes), state="failed")
    assert "notes.jsonl" in ended.error


async def test_a_benchmark_is_never_sent_to_the_engines_own_triton(directory: Path) -> None:
    async with watching(directory) as watch:
        await watch.until(is_idle)
        with pytest.raises(RequestFailed, match="own embedded Triton"):
            await watch.client.request(Bench(request=BenchRequest(agent=""), on_deployment=True))


async def test_a_recording_keeps_the_work_and_what_it_found(directory: Path) -> None:
    recording = directory / "work.charter"
    request = LearnRequest(sources=(str(directory / "sessions.jsonl"),))
    async with watching(directory) as watch:
        await watch.client.request(StartRecording(path=str(recording)))
        await carried_out(watch, Learn(request=request))
        await watch.client.request(StopRecording())
        shown = results(watch).learn
    reader = RecordingReader(recording)
    last = {type(gauge.payload): gauge.payload for gauge in reader.cursor().seek(reader.end)}
    kept, ended = last[WorkResults], last[Work]
    assert isinstance(kept, WorkResults) and kept.learn == shown
    assert isinstance(ended, Work) and (ended.kind, ended.state) == ("learn", "done")
