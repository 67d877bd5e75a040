"""The session of a request, by what clients already send."""

import msgspec
import pytest

from charter_engine.traffic.session_headers import SessionFields, session_of


def fields(**body: object) -> SessionFields:
    return msgspec.json.decode(msgspec.json.encode(body), type=SessionFields)


@pytest.mark.parametrize(
    "header",
    [
        "x-charter-session",
        "x-claude-code-session-id",
        "x-claude-code-agent-id",
        "x-dynamo-session-id",
        "x-session-id",
        "session-id",
        "x-correlation-id",
        "x-session-affinity",
        "x-multi-turn-session-id",
    ],
)
def test_a_header_names_the_session(header: str) -> None:
    assert session_of({header: "s1"}, fields(user="u")) == "s1"


@pytest.mark.parametrize(
    "body",
    [
        {"session_id": "s1"},
        {"conversation_params": {"conversation_id": "s1"}},
        {"conversation": "s1"},
        {"conversation": {"id": "s1"}},
        {"metadata": {"session_id": "s1"}},
        {"metadata": {"conversation_id": "s1"}},
        {"metadata": {"thread_id": "s1"}},
        {"metadata": {"user_id": "s1"}},
        {"prompt_cache_key": "s1"},
        {"user": "s1"},
        {"user": "u", "prompt_cache_key": "s1"},
        {"metadata": {"user_id": "u"}, "session_id": "s1"},
    ],
)
def test_a_field_names_the_session(body: dict[str, object]) -> None:
    assert session_of({}, fields(**body)) == "s1"


def test_a_name_without_end_is_cut() -> None:
    assert session_of({}, fields(user="u" * 1000)) == "u" * 256


def test_an_agent_is_told_from_the_session_it_was_started_in() -> None:
    headers = {"x-claude-code-session-id": "whole", "x-claude-code-agent-id": "part"}
    assert session_of(headers) == "part"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"session_id": 7, "metadata": "text", "conversation_params": [1], "user": None},
        {"session_id": ""},
        {"previous_response_id": "resp_1"},
    ],
)
def test_where_nothing_names_it_the_session_is_left_open(body: dict[str, object]) -> None:
    assert session_of({"x-session-id": "  "}, fields(**body)) == ""
