"""Logged requests, whatever API they are of."""

import json
from pathlib import Path
from typing import Any

import pytest

from charter_engine.kvcache.workload.formats.request_logs import LoggedRequest, logged_requests
from charter_engine.kvcache.workload.lines import WorkloadFormatError
from charter_engine.kvcache.workload.logs import holds_a_log, read_log


def request(row: dict[str, Any]) -> LoggedRequest:
    (found,) = logged_requests(row)
    return found


def said(row: dict[str, Any]) -> list[tuple[str, str]]:
    return [(message.role, message.text) for message in request(row).messages]


def test_a_chat_is_its_tools_then_what_was_said() -> None:
    tool = {"type": "function", "function": {"name": "f"}}
    body = {
        "messages": [
            {"role": "system", "content": "be kind"},
            {"role": "user", "content": [{"type": "text", "text": "hi"}]},
        ],
        "tools": [tool],
    }
    assert said(body) == [("tools", json.dumps(tool)), ("system", "be kind"), ("user", "hi")]


def test_thinking_and_tool_calls_of_the_history_stand_in_it() -> None:
    body = {
        "system": [{"type": "text", "text": "rules"}],
        "messages": [
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "s"},
                    {"type": "tool_use", "id": "1", "name": "f", "input": {"b": 1, "a": 2}},
                ],
            },
            {"role": "user", "content": [{"type": "tool_result", "content": "done"}]},
        ],
    }
    assert said(body) == [
        ("system", "rules"),
        ("assistant", '<think>hm</think>\n{"name": "f", "input": {"b": 1, "a": 2}}'),
        ("user", "done"),
    ]


def test_responses_have_instructions_and_items() -> None:
    body = {
        "instructions": "rules",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
            {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "1"},
            {"type": "function_call_output", "call_id": "1", "output": "42"},
        ],
    }
    assert said(body) == [
        ("system", "rules"),
        ("user", "hi"),
        ("assistant", '{"name": "f", "arguments": "{}"}'),
        ("tool", "42"),
    ]


@pytest.mark.parametrize("name", ["body", "request", "request_body", "payload"])
def test_a_body_may_stand_beside_its_response(name: str) -> None:
    row = {
        name: {"messages": [{"role": "user", "content": "q"}], "user": "u", "cache_salt": "t"},
        "response": {
            "choices": [{"message": {"content": "a"}}],
            "usage": {"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 4}},
        },
        "timestamp": "2026-11-26T08:00:00+00:00",
    }
    found = request(row)
    assert (found.answer, found.session, found.salt) == ("a", "u", "t")
    assert (found.prompt_tokens, found.cached_tokens) == (9, 4)
    assert found.at_ms == 1795680000000.0


@pytest.mark.parametrize(
    "fields",
    [
        {"session_id": "s"},
        {"metadata": {"thread_id": "s"}},
        {"conversation": {"id": "s"}},
        {"conversation_params": {"conversation_id": "s"}},
        {"prompt_cache_key": "s", "user": "u"},
        {"id": "s"},
    ],
)
def test_a_log_names_sessions_by_the_fields_that_clients_send(fields: dict[str, object]) -> None:
    assert request({"messages": [{"role": "user", "content": "q"}], **fields}).session == "s"


def test_anthropic_counts_what_it_read_from_the_cache_apart() -> None:
    usage = {"input_tokens": 5, "cache_read_input_tokens": 90, "cache_creation_input_tokens": 5}
    row = {
        "request": {"messages": [{"role": "user", "content": "q"}]},
        "response": {"content": [{"type": "text", "text": "a"}], "usage": usage},
    }
    found = request(row)
    assert (found.answer, found.prompt_tokens, found.cached_tokens) == ("a", 100, 90)


def test_a_time_in_seconds_is_told_from_one_in_milliseconds_by_its_size() -> None:
    body = {"prompt": "q"}
    assert request({**body, "timestamp": 1764140000.5}).at_ms == 1764140000500.0
    assert request({**body, "timestamp": 1764140000500}).at_ms == 1764140000500.0
    assert request({**body, "timestamp": 7}).at_ms == 7.0


def test_a_row_without_text_is_refused() -> None:
    with pytest.raises(ValueError, match="neither messages nor text"):
        list(logged_requests({"model": "m"}))


VLLM = (
    "INFO 11-26 08:00:01 [logger.py:43] Received request cmpl-1: prompt: 'It\\'s\\nhere', "
    "params: SamplingParams(n=1, max_tokens=7), prompt_token_ids: [1, 2, 3], lora_request: None.\n"
    "INFO 11-26 08:00:02 [metrics.py:1] Avg prompt throughput: 3 tokens/s\n"
    "DEBUG 11-26 08:00:03 [logger.py:40] Request chat-2 details: prompt: \"and 'now'\", "
    "prompt_token_ids: None\n"
)


def test_a_vllm_log_gives_the_requests_that_it_received(tmp_path: Path) -> None:
    path = tmp_path / "vllm.log"
    path.write_text(VLLM)
    assert holds_a_log(path)
    (first, one), (third, two) = read_log(path)
    assert (first, one.name, one.token_ids, one.answer) == (1, "cmpl-1", (1, 2, 3), 7)
    assert one.messages[0].text == "It's\nhere"
    assert (third, two.name, two.messages[0].text) == (3, "chat-2", "and 'now'")
    assert one.at_ms is not None and two.at_ms == one.at_ms + 2000


def test_lines_that_are_none_are_told_and_skipped(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"prompt": "a"}\n{"prompt": \n{"prompt": "b"}\n[1]\n')
    told: list[int] = []
    found = [number for number, _ in read_log(path, lambda number, _: told.append(number))]
    assert (found, told) == ([1, 3], [2, 4])
    with pytest.raises(WorkloadFormatError, match="jsonl:2"):
        list(read_log(path))


@pytest.mark.parametrize("text", ["", "import os\n", '{"timestamp": 1}\n', "{\n"])
def test_other_files_are_no_logs(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other"
    path.write_text(text)
    assert not holds_a_log(path)
