"""Trials: answers that are checked."""

from collections.abc import Sequence

import pytest

from charter_engine.api.trials import answers_of
from charter_engine.errors import CharterError
from charter_engine.triton.errors import TritonRefused, Unreachable
from charter_engine.triton.tap import RecentPrompt, TapReader
from tests.unit.traffic.records import record

ANSWERED = record(list(range(40)), [7, 8], at=1.0, arm="treated")


class Failing(TapReader):
    """A deployment that does not give texts."""

    def __init__(self, error: CharterError) -> None:
        self._error = error

    async def prompt(
        self, last_hash: int, spans: Sequence[tuple[int, int]] = ()
    ) -> RecentPrompt | None:
        raise self._error


async def test_where_no_texts_are_kept_it_is_said_how_answers_can_be_checked() -> None:
    reader = Failing(TritonRefused("charter_tap: recent prompts are not kept"))
    with pytest.raises(CharterError, match="answers cannot be checked") as failed:
        await answers_of(reader, [ANSWERED])
    assert "--check" in failed.value.remedy and "recent_prompts_bytes" in failed.value.remedy


async def test_a_deployment_that_does_not_answer_is_told_as_such() -> None:
    with pytest.raises(Unreachable):
        await answers_of(Failing(Unreachable("desk:8001 does not answer")), [ANSWERED])
