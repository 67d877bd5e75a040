"""Situations that people report: the cause is named, and the parts add up."""

import pytest

from charter_engine.traffic.misses import main_part
from tests.situations import SITUATIONS, Situation


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.name)
def test_the_cause_is_named_and_the_parts_add_up_to_every_prompt(situation: Situation) -> None:
    found = situation.told()
    assert [miss.parts.total for miss in found] == [miss.seen.prompt_tokens for miss in found]
    miss = found[situation.place]
    assert (miss.cause.kind, main_part(miss.parts)) == (situation.cause, situation.part)
    assert bool(miss.cause.evidence)
