"""Logged requests as prompts that were seen."""

from typing import Any

from charter_engine.kvcache.workload.formats.request_logs import LoggedMessage, LoggedRequest
from charter_engine.traffic.logged import LoggedPrompts
from charter_engine.traffic.seen import SeenPrompt


def letters(text: str) -> list[int]:
    return [ord(letter) for letter in text]


def prompts(*requests: LoggedRequest, most_tokens: int = 10_000) -> list[SeenPrompt]:
    return LoggedPrompts(letters, most_tokens).prompts(enumerate(requests, start=1))


def asking(text: str, **given: Any) -> LoggedRequest:
    fields: dict[str, Any] = {"messages": (LoggedMessage("user", text),), **given}
    return LoggedRequest(**fields)


def test_a_prompt_is_its_messages_behind_their_roles_and_then_the_answer() -> None:
    (seen,) = prompts(asking("hi", answer="yo"))
    assert seen.token_ids.tolist() == letters("user\nhi\nyo")
    assert (seen.prompt_tokens, seen.output_tokens, seen.reused) == (8, 2, None)


def test_tokens_that_the_log_tells_are_taken_as_they_are() -> None:
    (seen,) = prompts(asking("hi", token_ids=(5, 6)))
    assert seen.token_ids.tolist() == [5, 6]


def test_what_the_server_reused_is_counted_in_tokens_as_they_are_counted_here() -> None:
    (seen,) = prompts(asking("hi", prompt_tokens=4, cached_tokens=2))
    assert seen.reused == 4


def test_requests_are_named_by_their_lines_and_those_of_one_line_apart() -> None:
    found = LoggedPrompts(letters).prompts([(3, asking("a")), (3, asking("b")), (4, asking("c"))])
    assert [seen.request for seen in found] == ["3", "3.2", "4"]
    assert [seen.at for seen in found] == [0.0, 1.0, 2.0]


def test_the_oldest_tokens_go_where_there_is_no_room_and_their_hashes_stay() -> None:
    first, *_, last = prompts(*[asking("x" * 100)] * 5, most_tokens=250)
    assert (len(first.token_ids), len(last.token_ids)) == (0, 106)
    assert first.hashes.tolist() == last.hashes.tolist()
