"""The text of an answer that was passed on."""

import pytest

from charter_engine.gateway.answer_texts import answer_text


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b'{"choices":[{"message":{"content":"Hello"}}]}', "Hello"),
        (b'{"choices":[{"text":" a b"}]}', " a b"),
        (
            b'data: {"choices":[{"delta":{"content":"Hel"}}]}\n\n'
            b'data: {"choices":[{"delta":{"content":"lo"}}]}\n\n'
            b'data: {"choices":[],"usage":{}}\n\ndata: [DONE]\n\n',
            "Hello",
        ),
        (b'data: {"choices":[{"text":"a"}]}\r\n\r\ndata: [DONE]\r\n\r\n', "a"),
    ],
)
def test_it_is_read_from_chats_and_completions_streamed_or_whole(answer: bytes, text: str) -> None:
    assert answer_text(answer) == text


@pytest.mark.parametrize(
    "answer",
    [
        b'{"choices":[{"message":{"content":"a","tool_calls":[{"id":"1"}]}}]}',
        b'{"choices":[{"text":"a"},{"text":"b"}]}',
        b'{"choices":[{"message"',
        b'{"output":[]}',
        b"data: not json",
        b"",
    ],
)
def test_what_is_more_or_less_than_one_text_has_none(answer: bytes) -> None:
    assert answer_text(answer) == ""
