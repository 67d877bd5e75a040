"""The formats others write workloads in, each told from its fields."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache.workload.columns import Workload
from charter_engine.kvcache.workload.lines import (
    ReadOptions,
    WorkloadFormatError,
    read_sessions,
    read_workload,
)
from charter_engine.kvcache.workload.waits import Follows


def _read(tmp_path: Path, records: Sequence[Any] | str, **options: Any) -> Workload:
    path = tmp_path / "workload"
    lines = records if isinstance(records, str) else "\n".join(map(json.dumps, records))
    path.write_text(lines)
    return read_workload(path, options=ReadOptions(**options))


def _words(text: str) -> list[int]:
    """A tokenizer of one token a word."""
    return [sum(map(ord, word)) for word in text.split()]


def _sessions(workload: Workload) -> list[str]:
    return [workload.sessions[session] for session in workload.session]


def _shared(workload: Workload, one: int, other: int) -> int:
    """How many leading units two prompts have in common."""
    pairs = zip(workload.units_of(one).tolist(), workload.units_of(other).tolist(), strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), len(workload.units_of(one)))


CHAT = {"parent_chat_id": -1, "output_length": 5, "type": "text", "turn": 1, "input_length": 40}


def test_bailian_chats_have_blocks_of_16_seconds_and_sessions_by_parent(tmp_path: Path) -> None:
    workload = _read(
        tmp_path,
        [
            {**CHAT, "chat_id": 7, "timestamp": 12.5, "hash_ids": [1, 2, 3]},
            {**CHAT, "chat_id": 8, "timestamp": 13.0, "hash_ids": [1, 9, 10]},
            {**CHAT, "chat_id": 9, "parent_chat_id": 7, "timestamp": 20.0, "hash_ids": [1, 2, 4]},
            {**CHAT, "chat_id": 10, "parent_chat_id": 9, "timestamp": 21.0, "hash_ids": [1]},
            {**CHAT, "chat_id": 11, "parent_chat_id": 3, "timestamp": 22.0, "hash_ids": [1]},
        ],
    )
    assert workload.arrival_ms.tolist() == [12_500, 13_000, 20_000, 21_000, 22_000]
    assert set(workload.unit_tokens) == {16}
    assert _sessions(workload) == ["7", "8", "7", "7", "3"]
    assert workload.nodes == ("", "text")


def test_a_bailian_chat_may_stand_before_the_one_it_continues(tmp_path: Path) -> None:
    workload = _read(
        tmp_path,
        [
            {**CHAT, "chat_id": 10, "parent_chat_id": 9, "timestamp": 21.0},
            {**CHAT, "chat_id": 9, "parent_chat_id": 7, "timestamp": 20.0},
            {**CHAT, "chat_id": 7, "timestamp": 12.5},
            {**CHAT, "chat_id": 7, "timestamp": 30.0},
        ],
    )
    assert _sessions(workload) == ["7", "7", "7", "7"]
    assert workload.notes == ("1 chats have the id of an earlier one",)


MOONCAKE = {"timestamp": 2, "input_length": 40, "output_length": 5, "hash_ids": [1, 2, 3]}


def test_what_a_file_does_not_say_of_itself_is_told(tmp_path: Path) -> None:
    workload = _read(tmp_path, [MOONCAKE], block_tokens=16, time_unit="s")
    assert workload.arrival_ms.tolist() == [2000]
    assert workload.unit_tokens.tolist() == [16]


def test_times_that_can_hardly_be_milliseconds_are_noted(tmp_path: Path) -> None:
    microseconds = {**MOONCAKE, "timestamp": 1_700_000_000_000_000}
    (note,) = _read(tmp_path, [microseconds], block_tokens=16).notes
    assert "something smaller" in note


def test_blocks_that_do_not_fit_are_refused_with_what_to_tell(tmp_path: Path) -> None:
    with pytest.raises(WorkloadFormatError, match=r"3 blocks of 512 .*block_tokens"):
        _read(tmp_path, [MOONCAKE])


@pytest.mark.parametrize(
    ("name", "value"), [("chat_id", 7), ("session_id", "a"), ("wait_for", ["b"])]
)
def test_lines_of_another_format_are_told_where_they_would_mean_something_else(
    tmp_path: Path, name: str, value: Any
) -> None:
    path = tmp_path / "w.jsonl"
    good = {**MOONCAKE, "input_length": 2000}
    path.write_text("\n".join(map(json.dumps, (good, {**good, name: value}, good))))
    told: dict[int, str] = {}
    assert len(read_workload(path, told.__setitem__)) == 2
    assert told == {2: f"`{name}` belongs to another format than that of the first line"}


def test_hashes_of_64_bits_are_ids(tmp_path: Path) -> None:
    ids = [(1 << 64) - 1, 1 << 63, 5]
    workload = _read(tmp_path, [{**MOONCAKE, "hash_ids": ids}] * 2, block_tokens=16)
    assert len(set(workload.units_of(0).tolist())) == 3
    assert _shared(workload, 0, 1) == 3


def test_a_mooncake_turn_follows_the_one_before_it_in_its_session(tmp_path: Path) -> None:
    first = {**MOONCAKE, "session_id": "a", "input_length": 2000}
    later = {"session_id": "a", "delay": 50, "input_length": 2000, "output_length": 1}
    other = {**first, "session_id": "b", "timestamp": 10}
    workload = _read(tmp_path, [first, other, later])
    assert workload.arrival_ms.tolist() == [2, 10, 52]
    assert workload.follows == {2: Follows((0,), 50.0)}
    assert _sessions(workload) == ["a", "b", "a"]
    assert any("assumed" in note for note in workload.notes)


def test_a_delay_may_be_named_with_its_unit(tmp_path: Path) -> None:
    first = {**MOONCAKE, "session_id": "a", "input_length": 2000}
    later = {"session_id": "a", "delay_ms": 50, "input_length": 2000, "output_length": 1}
    assert _read(tmp_path, [first, later]).follows == {1: Follows((0,), 50.0)}


def test_a_turn_that_is_skipped_leaves_nothing_to_follow(tmp_path: Path) -> None:
    path = tmp_path / "w.jsonl"
    turn = {"session_id": "a", "timestamp": 1, "input_length": 9, "output_length": 1}
    bad = {"session_id": "a", "delay": 5, "input_length": 0, "output_length": 1}
    path.write_text("\n".join(map(json.dumps, [turn, bad, {**turn, "session_id": "b"}])))
    assert read_workload(path, lambda *_: None).follows == {}


AGENTIC = {"session_id": "s", "input_length": 30, "output_length": 2}


def test_agentic_requests_wait_for_others_their_delay_and_their_tools(tmp_path: Path) -> None:
    header = {"schema": "dynamo.agentic_mooncake", "version": 1, "block_size": 16}
    workload = _read(
        tmp_path,
        [
            header,
            {**AGENTIC, "request_id": "r", "timestamp": 5, "hash_ids": [1, 2], "branches": ["x"]},
            {
                **AGENTIC, "request_id": "c", "wait_for": ["r"], "delay": 3, "tool_wait_ms": 4,
                "hash_ids": [1, 3],
            },
            {**AGENTIC, "request_id": "x", "timestamp": 6, "hash_ids": [1, 2]},
            {**AGENTIC, "request_id": "j", "wait_for": ["c", "x", "gone"], "hash_ids": [1]},
        ],
    )  # fmt: skip
    names = {1: "r", 2: "x", 3: "c", 4: "j"}
    assert len(workload) == len(names)
    assert workload.arrival_ms.tolist() == [5, 6, 12, 12]
    assert workload.follows == {
        1: Follows((0,), 0.0), 2: Follows((0,), 7.0), 3: Follows((2, 1), 0.0),
    }  # fmt: skip
    assert workload.unit_tokens.tolist() == [16] * 4
    assert any("1 waits" in note for note in workload.notes)


def test_an_agents_first_request_waits_for_nobody_and_does_not_say_so(tmp_path: Path) -> None:
    workload = _read(
        tmp_path,
        [
            {**AGENTIC, "request_id": "r", "timestamp": 5, "prefix_reset": True},
            {**AGENTIC, "session_id": "t", "request_id": "c", "wait_for": ["r"], "delay": 3},
            {**AGENTIC, "request_id": "s", "timestamp": 9, "delay": 2},
        ],
    )
    assert workload.follows == {1: Follows((0,), 3.0), 2: Follows((0,), 2.0)}


def test_plays_of_agentic_requests_share_nothing_and_wait_by_their_dependencies(
    tmp_path: Path,
) -> None:
    header = {
        "schema": "dynamo.agentic_mooncake", "version": 2, "block_size": 16,
        "hash_id_scope": "local",
    }  # fmt: skip

    def row(play: str, name: str, **fields: Any) -> dict[str, Any]:
        request = {"play_id": play, "request_id": name, "hash_ids": [1, 2], **AGENTIC}
        return {**request, "not_before_ms": 0.0, **fields}

    def after(name: str, trigger: str, delay_ms: float) -> list[dict[str, Any]]:
        return [{"request_id": name, "trigger": trigger, "delay_ms": delay_ms, "relation": "join"}]

    workload = _read(
        tmp_path,
        [
            header,
            row("a", "a0", not_before_ms=10.0),
            row("a", "a1", dependencies=after("a0", "completion", 5.0)),
            row("a", "a2", dependencies=after("a0", "dispatch", 7.0)),
            row("b", "b0", not_before_ms=20.0),
        ],
    )
    assert workload.arrival_ms.tolist() == [10, 15, 17, 20]
    assert workload.follows == {1: Follows((0,), 5.0)}
    assert _sessions(workload) == ["a/s", "a/s", "a/s", "b/s"]
    assert [_shared(workload, 0, other) for other in (1, 2, 3)] == [2, 2, 0]


def test_dynamos_trace_gives_the_requests_that_ended(tmp_path: Path) -> None:
    def event(kind: str, at: int, **request: Any) -> dict[str, Any]:
        return {
            "schema": "dynamo.request.trace.v1", "event_type": kind, "event_time_unix_ms": at,
            "agent_context": {"session_id": "s"}, "request": request,
        }  # fmt: skip

    replay = {"trace_block_size": 2, "input_length": 3, "input_sequence_hashes": [1 << 63, 22]}
    workload = _read(
        tmp_path,
        [
            event("request_end", 1100, request_received_ms=1000, output_tokens=4, replay=replay),
            event("tool_end", 1200),
            event("request_end", 1300, total_time_ms=50, output_tokens=1, input_tokens=9),
        ],
    )
    assert workload.arrival_ms.tolist() == [1000, 1250]
    assert workload.input_length.tolist() == [3, 9]
    assert workload.served_ms is not None
    assert workload.served_ms.tolist() == [100, 50]
    assert _sessions(workload) == ["s", "s"]


def test_in_dynamos_trace_an_end_without_a_request_and_another_schema_are_told(
    tmp_path: Path,
) -> None:
    path = tmp_path / "w.jsonl"
    line = {"schema": "dynamo.request.trace.v1", "event_type": "request_end"}
    whole = {**line, "request": {"input_tokens": 5, "output_tokens": 1}}
    path.write_text("\n".join(map(json.dumps, (whole, line, {**whole, "schema": "v2"}, MOONCAKE))))
    told: dict[int, str] = {}
    assert len(read_workload(path, told.__setitem__)) == 1
    assert sorted(told) == [2, 3, 4]


@pytest.mark.parametrize("nested", [(1.0, 6.0), (301.0, 306.0)])
def test_both_conventions_for_the_times_of_sub_agents_are_told_apart(
    tmp_path: Path, nested: tuple[float, float]
) -> None:
    call = {"type": "n", "in": 64, "out": 1, "hash_ids": [1]}
    inner = [{**call, "t": at} for at in nested]
    requests = [
        {**call, "t": 0.0},
        {"t": 300.0, "type": "subagent", "requests": inner},
        {**call, "t": 320.0},
    ]
    path = tmp_path / "sessions"
    path.write_text(json.dumps({"id": "s", "block_size": 64, "requests": requests}))
    (session,) = read_sessions(path)
    assert session.at.tolist() == [0.0, 301.0, 306.0, 320.0]


def test_a_sessions_own_ids_may_be_hashes(tmp_path: Path) -> None:
    calls = [{"t": at, "in": 32, "out": 1, "hash_ids": [(1 << 64) - 9, 7]} for at in (0, 1)]
    sessions = [{"id": name, "block_size": 16, "requests": calls} for name in ("a", "b", "b")]
    workload = _read(tmp_path, sessions)
    own = [set(workload.units_of(index).tolist()) for index in range(0, 6, 2)]
    assert len(set.union(*own)) == 6
    assert workload.notes == ("1 sessions have the name of an earlier one",)


def test_one_session_tells_the_convention_of_all_that_lie_beside_it(tmp_path: Path) -> None:
    def session(name: str, marker: float, nested: float) -> None:
        call = {"in": 64, "out": 1, "t": nested}
        marked = {"t": marker, "type": "subagent", "requests": [call]}
        (tmp_path / name).write_text(json.dumps({"id": name, "requests": [marked]}))

    session("a.json", 10.0, 20.0)
    session("b.jsonl", 300.0, 5.0)
    assert [one.at.tolist() for one in read_sessions(tmp_path)] == [[30.0], [305.0]]


SHAREGPT = {
    "id": "c1",
    "conversations": [
        {"from": "human", "value": "what is it"},
        {"from": "gpt", "value": "a cache of keys"},
        {"from": "human", "value": "and then"},
        {"from": "gpt", "value": "values"},
    ],
}


@pytest.mark.parametrize("pack", [json.dumps, lambda one: json.dumps([one], indent=1)])
def test_each_answer_of_a_conversation_is_a_request(tmp_path: Path, pack: Any) -> None:
    workload = _read(tmp_path, pack(SHAREGPT), tokenize=_words)
    assert workload.input_length.tolist() == [1 + 3, 1 + 3 + 1 + 4 + 1 + 2]
    assert workload.output_length.tolist() == [4, 1]
    assert workload.follows == {1: Follows((0,))}
    assert _shared(workload, 0, 1) == 4


def test_messages_that_end_with_a_question_are_one_request(tmp_path: Path) -> None:
    body = {
        "timestamp": 7,
        "output_length": 33,
        "messages": [
            {"role": "user", "content": "a b"},
            {"role": "assistant", "content": "c"},
            {"role": "user", "content": [{"type": "text", "text": "d e"}]},
        ],
    }
    for record in (body, {"payload": body, "timestamp": 7, "output_length": 33}):
        workload = _read(tmp_path, [record], tokenize=_words)
        assert workload.input_length.tolist() == [8]
        assert workload.output_length.tolist() == [33]
        assert workload.arrival_ms.tolist() == [7]


def test_messages_without_the_answers_between_them_are_refused(tmp_path: Path) -> None:
    row = {"message_mode": "delta", "messages": [{"role": "user", "content": "a"}]}
    with pytest.raises(WorkloadFormatError, match="message_mode"):
        _read(tmp_path, [{**row, "session_id": "s", "timestamp": 0}], tokenize=_words)


def test_recorded_inputs_of_a_session_follow_one_another_after_their_gap(tmp_path: Path) -> None:
    row = {"session_id": "s", "input": [{"role": "user", "content": "a"}], "output_length": 3}
    workload = _read(tmp_path, [row, {**row, "pre_gap": 2.5}], tokenize=_words)
    assert workload.follows == {1: Follows((0,), 2500.0)}
    assert workload.output_length.tolist() == [3, 3]


def test_aiperf_inputs_are_bodies_by_session(tmp_path: Path) -> None:
    body = {"messages": [{"role": "user", "content": "a b"}], "max_tokens": 9}
    inputs = {"data": [{"session_id": "s", "payloads": [body, body]}]}
    workload = _read(tmp_path, json.dumps(inputs, indent=2), tokenize=_words)
    assert workload.output_length.tolist() == [9, 9]
    assert workload.follows == {1: Follows((0,))}


def test_text_needs_a_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(WorkloadFormatError, match="tokenizer"):
        _read(tmp_path, [SHAREGPT])


@pytest.mark.parametrize(
    "table",
    [
        "TIMESTAMP,ContextTokens,GeneratedTokens\n"
        "2023-11-16 18:15:46.6805900,374,44\n2023-11-16 18:15:50.9951690,396,109\n",
        "TIMESTAMP,ContextTokens,GeneratedTokens\n"
        "2024-05-10 00:00:00+00:00,374,44\n2024-05-10 00:00:04.314579+00:00,396,109\n",
        "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
        "5,ChatGPT,374,44,418,Conversation log\n9.314579,GPT-4,396,109,505,API log\n",
        ",arrived_at,num_prefill_tokens,num_decode_tokens\n0,1.0,374,44\n1,5.314579,396,109\n",
    ],
)
def test_tables_of_lengths_tell_no_hit_rate(tmp_path: Path, table: str) -> None:
    workload = _read(tmp_path, table)
    assert workload.input_length.tolist() == [374, 396]
    assert workload.output_length.tolist() == [44, 109]
    assert float(workload.arrival_ms[1] - workload.arrival_ms[0]) == pytest.approx(4314.579)
    assert not workload.has_content
    assert workload.notes == ("it has lengths and no content: no hit rate can be told",)


@pytest.mark.parametrize(
    "table",
    [
        "num_prefill_tokens;num_decode_tokens\n374;44\n",
        "num_prefill_tokens\tnum_decode_tokens\n374\t44\n",
        "Num_Prefill_Tokens, Num_Decode_Tokens\n374, 44\n",
        "\n\nnum_prefill_tokens,num_decode_tokens\n\n374.0,44.0\n\n",
    ],
    ids=["semicolons", "tabs", "spaces and capitals", "blank lines and points"],
)
def test_a_table_is_known_however_it_is_written(tmp_path: Path, table: str) -> None:
    workload = _read(tmp_path, table)
    assert (workload.input_length.tolist(), workload.output_length.tolist()) == ([374], [44])


def test_a_table_of_other_columns_is_told_which_are_read(tmp_path: Path) -> None:
    with pytest.raises(WorkloadFormatError, match=r"`ContextTokens`.*`num_prefill_tokens`"):
        _read(tmp_path, "time,prompt,answer\n1,2,3\n")


def test_a_table_without_times_says_that_all_arrive_at_once(tmp_path: Path) -> None:
    table = "num_prefill_tokens,num_decode_tokens,pd_ratio\n374,44,8.5\n396,109,3.6\n"
    workload = _read(tmp_path, table)
    assert workload.input_length.tolist() == [374, 396]
    assert workload.arrival_ms.tolist() == [0, 0]
    assert any("arrive at once" in note for note in workload.notes)


def test_bad_lines_of_a_table_are_told_by_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    lines = ["num_prefill_tokens,num_decode_tokens", "5,1", "6", "x,1", "0,1", "7,2"]
    path.write_text("\n".join(lines))
    told: dict[int, str] = {}
    workload = read_workload(path, told.__setitem__)
    assert workload.input_length.tolist() == [5, 7]
    assert sorted(told) == [3, 4, 5]
    assert told[3] == "1 columns of 2"


def test_requests_without_content_among_others_are_noted(tmp_path: Path) -> None:
    lengths = {"timestamp": 1, "input_length": 2000, "output_length": 1}
    workload = _read(tmp_path, [lengths, {**lengths, "hash_ids": [1, 2]}])
    (note,) = workload.notes
    assert note.startswith("1 of 2 requests have lengths and no content")


def test_what_was_skipped_is_noted_in_the_workload(tmp_path: Path) -> None:
    path = tmp_path / "w.jsonl"
    good = json.dumps({**MOONCAKE, "input_length": 2000})
    path.write_text(f"{good}\n\n{json.dumps(MOONCAKE)}\n{{broken\n{good}\n")
    told: list[int] = []
    workload = read_workload(path, lambda number, _: told.append(number))
    assert told == [3, 4]
    (note,) = workload.notes
    skipped = "2 records could not be read and 2 requests were"
    assert note.startswith(f"{skipped}; the first problem is at w.jsonl:3: ")


PACKED = {"id": "a", "reqs": [[10_000, 0, 2_000, 40, 5, [[1, 3]], ""]]}
TESTER = {
    "id": "a",
    "requests": [{"t": 10_000, "api_time": 2_000, "in": 40, "hash_ids": [1, 2, 3]}],
}


@pytest.mark.parametrize("session", [PACKED, TESTER], ids=["packed", "tester"])
def test_what_sessions_do_not_say_of_themselves_is_told(
    tmp_path: Path, session: dict[str, Any]
) -> None:
    workload = _read(tmp_path, [session], block_tokens=16, time_unit="ms")
    assert workload.unit_tokens.tolist() == [16]
    assert workload.served_ms is not None
    assert workload.served_ms.tolist() == [2_000]


CELLS = st.sampled_from(
    ["374", "44", "0", "-3", "", " ", " 7", "12.0", "1e3", "x", "nan", '"8"', "9" * 19, "1_0", "٣"]
)
TIMES = st.sampled_from(
    ["5", "5.25", ".5", "5.", "007.5", "0.12345678901234567", "1.2.3", "-1", "1e-3", "",
     "2023-11-16", "2023-11-16 18:15:46.6805900",
     "2023-11-16 18:15:46", "2023-11-16T18:15:46.5", "2023-11-16 24:15:46", "2023-02-30 00:00:00",
     "2023-11-16 18:15:46Z", "2023-11-16 18:15:46.5+00:00"]
)  # fmt: skip


@settings(max_examples=150)
@given(
    st.lists(st.tuples(TIMES, CELLS, CELLS), min_size=1, max_size=5),
    st.sampled_from(["\n", "\r\n"]),
)
def test_lines_of_a_table_are_read_together_as_each_alone(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]], end: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "table.csv"

    def read(lines: Sequence[str]) -> list[WorkloadRequest]:
        path.write_text("arrived_at,num_prefill_tokens,num_decode_tokens\n" + "".join(lines))
        try:
            return list(read_workload(path, lambda *_: None).requests())
        except WorkloadFormatError:
            return []

    lines = [",".join(row) + end for row in rows]
    alone = [request for line in lines for request in read([f"{line.removesuffix(end)},\n"])]
    assert sorted(map(repr, read(lines))) == sorted(map(repr, alone))


@pytest.mark.parametrize("size", [0, -1, (1 << 64) - 1])
def test_a_session_with_blocks_of_no_size_is_told(tmp_path: Path, size: int) -> None:
    calls = [{"t": 0, "in": 32, "out": 1, "hash_ids": [1]}]
    path = tmp_path / "sessions"
    good, bad = ({"id": name, "block_size": 16, "requests": calls} for name in "ab")
    path.write_text("\n".join(map(json.dumps, (good, {**bad, "block_size": size}))))
    told: dict[int, str] = {}
    assert len(read_workload(path, told.__setitem__)) == 1
    assert "block_tokens" in told[2] or "tokens" in told[2]


@pytest.mark.parametrize("length", [{"a": 1}, 1.5, "many"])
def test_an_answers_length_that_is_no_whole_number_is_told(tmp_path: Path, length: Any) -> None:
    body = {"messages": [{"role": "user", "content": "what is it"}]}
    path = tmp_path / "log"
    path.write_text("\n".join(json.dumps({**body, "max_tokens": one}) for one in (3, length)))
    told: dict[int, str] = {}
    read = read_workload(path, told.__setitem__, ReadOptions(tokenize=_words))
    assert read.output_length.tolist() == [3]
    assert "no whole number" in told[2]


def test_what_only_begins_like_aiperfs_inputs_is_no_workload(tmp_path: Path) -> None:
    with pytest.raises(WorkloadFormatError, match="neither a request"):
        _read(tmp_path, [{"data": [None]}], tokenize=_words)


def test_a_session_whose_output_is_negative_is_told_and_the_others_read(tmp_path: Path) -> None:
    call = {"t": 0, "in": 32, "out": 1, "hash_ids": [1]}
    sessions = [
        {"id": "a", "block_size": 16, "requests": [call]},
        {"id": "b", "block_size": 16, "requests": [call, {**call, "out": -1}]},
    ]
    path = tmp_path / "sessions"
    path.write_text("\n".join(map(json.dumps, sessions)))
    told: dict[int, str] = {}
    assert len(read_workload(path, told.__setitem__)) == 1
    assert "session b, request 2: output_length is -1" in told[2]


RECORDS: dict[str, dict[str, Any]] = {
    "mooncake": {
        "timestamp": 1, "input_length": 40, "output_length": 2, "hash_ids": [1, 2],
        "block_tokens": 32, "node": "n", "session": "s", "salt": "", "served_ms": 2.5,
    },
    "sessions": {"session_id": "s", "input_length": 40, "hash_ids": [1], "delay": 2.0},
    "agentic": {
        "request_id": "r", "session_id": "s", "input_length": 40, "output_length": 2,
        "hash_ids": [1], "wait_for": ["q"], "branches": ["t"], "tool_wait_ms": 1.5,
    },
    "bailian": {
        "chat_id": 1, "parent_chat_id": -1, "timestamp": 0.5, "input_length": 16,
        "output_length": 1, "hash_ids": [1], "type": "text",
    },
    "packed": {"id": "a", "reqs": [[1.0, 0.0, 2.0, 128, 5, [[1, 2]], "Explore"]]},
    "weka": {
        "id": "a", "block_size": 64,
        "requests": [{"t": 1.0, "api_time": 2.0, "in": 128, "out": 1, "hash_ids": [1, 2]}],
    },
    "chats": {"messages": [{"role": "user", "content": "what is it"}], "max_tokens": 3},
    "ShareGPT": {"id": "c", "conversations": [{"from": "human", "value": "what"}]},
}  # fmt: skip
ODD = st.sampled_from(
    [None, True, -1, 0, 1.5, 1e308, 2**31, 2**62, 2**63, 2**64 - 1, 2**64, -(2**63), "", "x", [],
     {}, [None], ["x"], [1.5], [-1], [2**63], [2**64], [[1]], {"x": 1}]
)  # fmt: skip


def _places(record: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where a record holds anything, in it and in what it holds."""
    inner = record.items() if isinstance(record, dict) else enumerate(record)
    found = []
    for key, value in inner:
        found.append((*above, key))
        if isinstance(value, dict | list):
            found += _places(value, (*above, key))
    return found


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(RECORDS)), ODD, st.data())
def test_a_record_with_anything_odd_in_it_is_read_or_told(
    tmp_path_factory: pytest.TempPathFactory, name: str, odd: Any, data: st.DataObject
) -> None:
    good, record = RECORDS[name], json.loads(json.dumps(RECORDS[name]))
    *above, last = data.draw(st.sampled_from(_places(record)))
    holder = record
    for key in above:
        holder = holder[key]
    holder[last] = odd
    path = tmp_path_factory.getbasetemp() / "odd.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in (good, record, good)))
    told: list[int] = []
    with np.errstate(over="ignore"):
        read = read_workload(
            path, lambda number, _: told.append(number), ReadOptions(tokenize=_words)
        )
    assert told in ([], [2])
    assert len(read) >= 2
    if told:
        assert any("could not be read" in note for note in read.notes)
