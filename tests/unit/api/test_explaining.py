"""Explanations: of traffic with what the deployment remembers of it, and of logs."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from charter_engine.api import recent_traffic
from charter_engine.api.explaining import MOST_BY_TEXT, explained, report, sessions
from charter_engine.api.linting import lint
from charter_engine.api.log_files import explain_log, is_log
from charter_engine.api.recent_traffic import as_workload, joined, kept_since
from charter_engine.api.told_causes import ToldCauses
from charter_engine.api.traffic import kept, line
from charter_engine.api.workloads import load
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.explaining import LogQuery, MissQuery, MissResult
from charter_engine.contracts.graph import Call, Segment
from charter_engine.contracts.lint import LintRequest
from charter_engine.contracts.traffic import TrafficBatch, TrafficRecord
from charter_engine.errors import CharterError, UsageError
from charter_engine.store.database import Store
from charter_engine.traffic.seen import SeenPrompt
from charter_engine.triton.tap import RecentPrompt, TapReader
from tests.situations import QUESTIONS, RULES, asked, chat, text_of, tokenizer
from tests.unit.traffic.records import record

STAMPED = asked(
    [chat(("user", QUESTIONS[n]), system=f"It is 08:1{n}:00. {RULES}") for n in range(3)]
)
RECORDS = tuple(
    record(seen.prompt_ids.tolist(), at=seen.at, sequence=number, node="Clerk.answer:text")
    for number, seen in enumerate(STAMPED)
)
BATCH = TrafficBatch(records=RECORDS)
CALL = Call(
    id="Clerk.answer:text",
    path="clerk.py",
    line=5,
    end_line=9,
    segments=(
        Segment(kind="static", text="It is", line=6),
        Segment(kind="variable", expression="now()", line=7),
        Segment(kind="static", text=RULES, line=8),
    ),
)
NAMED = replace(
    CALL,
    segments=(
        Segment(kind="variable", expression="ship", line=6),
        Segment(kind="static", text=RULES, line=8),
    ),
)


class Remembering(TapReader):
    """The memory of a deployment, of the prompts above."""

    def __init__(self, prompts: Sequence[SeenPrompt] = STAMPED) -> None:
        self._prompts = {int(seen.hashes[-1]): seen for seen in prompts}

    async def prompt(
        self, last_hash: int, spans: Sequence[tuple[int, int]] = ()
    ) -> RecentPrompt | None:
        seen = self._prompts.get(last_hash)
        if seen is None:
            return None
        texts = tuple(text_of(tokenizer(), seen, start, stop) for start, stop in spans)
        return RecentPrompt(seen.prompt_tokens, seen.token_ids, texts)


class Forgetting(TapReader):
    """A deployment that keeps no prompts."""

    def __init__(self) -> None:
        pass

    async def prompt(
        self, last_hash: int, spans: Sequence[tuple[int, int]] = ()
    ) -> RecentPrompt | None:
        raise CharterError("recent prompts are not kept")


async def test_texts_that_the_deployment_remembers_tell_the_cause_and_the_words() -> None:
    result = await explained(BATCH, MissQuery(), None, Remembering(), (CALL,))
    (told,) = result.explanations
    assert (told.request, told.cause.kind) == ("2", "time stamp")
    assert (told.cause.segment, told.cause.path, told.cause.line) == ("now()", "clerk.py", 7)
    assert told.divergence is not None and told.divergence.exact
    assert {"stood", "stands"} <= {change.kind for change in told.divergence.words}
    assert told.parts.total == told.prompt_tokens
    assert told.cost is not None and told.cost.requests == 2


async def test_without_text_no_word_is_told_but_that_the_cause_is() -> None:
    result = await explained(BATCH, MissQuery(with_text=False), None, Remembering())
    (told,) = result.explanations
    assert (told.cause.kind, told.cause.evidence) == ("time stamp", "")
    assert told.divergence is not None and told.divergence.words == ()


async def test_what_is_no_longer_remembered_is_explained_by_its_hashes() -> None:
    result = await explained(BATCH, MissQuery(last=3), None, Forgetting())
    assert [told.parts.total for told in result.explanations] == [
        told.prompt_tokens for told in result.explanations
    ]
    assert (
        "not kept" in result.notes[0].message and "recent_prompts_bytes" in result.notes[0].remedy
    )


async def test_the_report_tells_causes_by_the_texts_that_are_remembered() -> None:
    told = await report(BATCH, None, Remembering())
    assert (told.causes[0].cause, told.causes[0].requests) == ("time stamp", 2)
    assert told.causes[0].label == "measured"


async def test_a_request_is_named_by_its_id_and_the_last_one_of_several() -> None:
    ids = ("q-1", "q-2", "q-1")
    records = [replace(one, request_id=name) for one, name in zip(RECORDS, ids, strict=True)]
    batch = TrafficBatch(records=tuple(records))
    for name, number in (("q-1", "2"), ("q-2", "1")):
        (told,) = (await explained(batch, MissQuery(request_id=name), None, None)).explanations
        assert told.request == number
    with pytest.raises(UsageError, match="no request of id 'q-9'"):
        await explained(batch, MissQuery(request_id="q-9"), None, None)


async def test_a_request_that_nobody_knows_is_refused_with_those_that_are() -> None:
    with pytest.raises(UsageError, match="0 to 2 are"):
        await explained(BATCH, MissQuery(request="7"), None, None)
    with pytest.raises(UsageError, match="no request of session 'x'"):
        await explained(BATCH, MissQuery(session="x"), None, None)
    with pytest.raises(UsageError, match="no request has passed"):
        await explained(TrafficBatch(), MissQuery(), None, None)


async def test_an_agent_that_did_not_send_the_requests_is_told_to_be_another() -> None:
    texts = (Segment(kind="static", text="Steer by the lights of the harbour.", line=6),)
    other = replace(CALL, id="Pilot.steer:text", segments=texts)
    query = MissQuery(agent="pilot.py")
    result = await explained(BATCH, query, None, Remembering(), (other,))
    (note,) = result.notes
    assert "these requests are of Clerk.answer:text" in note.message
    assert "its calls are Pilot.steer:text" in note.message


async def test_without_texts_it_is_said_why_no_line_of_an_agent_is_told() -> None:
    result = await explained(BATCH, MissQuery(agent="clerk.py"), None, None, (CALL,))
    assert "none of these requests is known to leave" in result.notes[0].message


async def test_an_agent_whose_line_is_told_needs_no_note() -> None:
    result = await explained(BATCH, MissQuery(agent="clerk.py"), None, Remembering(), (CALL,))
    assert result.notes == ()


async def test_requests_beyond_those_told_by_their_texts_are_said_to_be_told_by_hashes() -> None:
    many = tuple(replace(RECORDS[0], sequence=n, at=1e9 + n) for n in range(MOST_BY_TEXT + 7))
    (note,) = (await report(TrafficBatch(records=many), None, Remembering())).notes
    assert "those of the 7 before by hashes alone" in note.message
    assert (await report(BATCH, None, Remembering())).notes == ()


async def test_the_report_names_a_cause_as_an_explanation_does() -> None:
    texts = [f"{ship} lies here. {RULES}" for ship in ("The Alma", "A brig", "My cutter")]
    prompts = asked(texts, node=CALL.id)
    batch = TrafficBatch(
        records=tuple(
            record(seen.prompt_ids.tolist(), at=seen.at, sequence=number, node=CALL.id)
            for number, seen in enumerate(prompts)
        )
    )
    result = await explained(batch, MissQuery(), None, Remembering(prompts), (NAMED,))
    causes = (await report(batch, None, Remembering(prompts), (NAMED,))).causes
    assert result.explanations[0].cause.kind == causes[0].cause == "variable"


async def test_a_session_has_the_cause_of_its_requests_also_when_their_texts_are_gone() -> None:
    remembered = ToldCauses()
    for reader in (Remembering(), Forgetting(), None):
        (session, *_) = await sessions(BATCH, None, reader, (CALL,), None, remembered)
        result = await explained(BATCH, MissQuery(), None, reader, (CALL,), None, remembered)
        (told,) = result.explanations
        assert session.sequences == (2,)
        assert session.cause == told.cause.kind == "time stamp"
        assert session.again_tokens == told.parts.again > 0


async def test_of_texts_nothing_is_remembered_but_what_they_told() -> None:
    remembered = ToldCauses()
    await explained(BATCH, MissQuery(last=3), None, Remembering(), (CALL,), None, remembered)
    assert "08:1" not in repr(remembered._told)


async def test_a_request_that_was_told_by_its_text_is_not_asked_for_again() -> None:
    remembered, reader = ToldCauses(), Remembering()
    await sessions(BATCH, None, reader, (CALL,), None, remembered)
    reader._prompts.clear()
    (session, *_) = await sessions(BATCH, None, reader, (CALL,), None, remembered)
    assert session.cause == "time stamp"


def body(text: str, question: str) -> dict[str, object]:
    messages = [{"role": "system", "content": text}, {"role": "user", "content": question}]
    return {"model": "m", "messages": messages}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "requests.jsonl"
    rows = [body(f"It is 08:1{n}:00. {RULES}", QUESTIONS[n]) for n in range(3)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_only_what_is_no_longer_kept_counts_as_lost_to_a_new_reader() -> None:
    behind_a_probe = TrafficBatch(records=RECORDS[1:])
    assert kept(behind_a_probe).lost == 0
    assert kept(replace(behind_a_probe, before=3)).lost == 3


def explained_log(path: Path, **which: Any) -> MissResult:
    return explain_log(LogQuery(log=str(path), which=MissQuery(**which)))


def test_a_log_is_explained_without_any_server(log: Path) -> None:
    result = explained_log(log, last=3)
    assert [told.request for told in result.explanations] == ["1", "2", "3"]
    assert [told.cause.kind for told in result.explanations] == [
        "new text",
        "time stamp",
        "time stamp",
    ]
    assert all(told.parts.total == told.prompt_tokens for told in result.explanations)
    assert result.report.causes[0].cause == "time stamp"
    assert any("assumed" in note.message for note in result.notes)


def test_a_request_of_a_log_is_named_by_its_line(log: Path) -> None:
    assert explained_log(log, request="2").explanations[0].request == "2"


def test_what_traffic_wrote_is_explained_too(tmp_path: Path) -> None:
    path = tmp_path / "traffic.jsonl"
    path.write_bytes(b"".join(map(line, RECORDS)))
    assert is_log(str(path))
    assert explained_log(path).explanations[0].prompt_tokens == STAMPED[2].prompt_tokens


def test_a_file_that_is_no_log_is_none(tmp_path: Path) -> None:
    path = tmp_path / "agent.py"
    path.write_text("import os\n")
    assert not is_log(str(path)) and not is_log("17") and not is_log(str(tmp_path))


def test_a_log_is_linted_under_the_rules_of_source(log: Path) -> None:
    (finding,) = lint(LintRequest(paths=(str(log),))).findings
    assert (finding.rule, finding.path, finding.line) == ("time-in-prefix", str(log), 3)
    assert lint(LintRequest(paths=(str(log),), off=("time-in-prefix",))).findings == ()


def test_a_log_is_a_workload(log: Path) -> None:
    workload, _ = load(str(log), strict=True)
    assert len(workload) == 3
    assert any("assumed" in note for note in workload.notes)


def test_records_that_two_places_know_count_once() -> None:
    assert joined(RECORDS[1:], RECORDS) == RECORDS


def test_what_an_engine_kept_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "charter.db"
    monkeypatch.setattr(recent_traffic, "database_path", lambda: path)
    triton = TritonOptions(url="10.0.0.1:8001")

    async def work() -> tuple[TrafficRecord, ...]:
        assert await kept_since(triton, 0.0) == ()
        async with Store(path) as store:
            await store.save_traffic("10.0.0.1:8001", "tap", RECORDS)
        return await kept_since(triton, RECORDS[1].at)

    assert asyncio.run(work()) == RECORDS[1:]


def test_traffic_in_which_nothing_was_answered_is_no_workload() -> None:
    assert len(as_workload(RECORDS)) == 3
    with pytest.raises(UsageError, match="no answered request"):
        as_workload(())
