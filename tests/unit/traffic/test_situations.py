"""Situations that people report: the cause is named, and the parts add up."""

import pytest

from charter_engine.traffic.misses import main_part
from tests.situations import QUESTIONS, RULES, SITUATIONS, Situation, chat, seen, tokenizer


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.name)
def test_the_cause_is_named_and_the_parts_add_up_to_every_prompt(situation: Situation) -> None:
    found = situation.told()
    assert [miss.parts.total for miss in found] == [miss.seen.prompt_tokens for miss in found]
    miss = found[situation.place]
    assert (miss.cause.kind, main_part(miss.parts)) == (situation.cause, situation.part)
    assert bool(miss.cause.evidence)


def test_the_last_token_of_an_answer_counts_as_new_since_it_was_never_computed() -> None:
    question, more = chat(("user", QUESTIONS[0])), f"{RULES}\n{QUESTIONS[1]}"
    asked_tokens = tokenizer().encode(question)[0]
    answer = tokenizer().encode(question + RULES)[0][len(asked_tokens) :]
    kept = len(asked_tokens) + len(answer) - 1
    later = seen(question + more, 1e9 + 60, 1, reused=kept)
    continued = Situation(
        "an answer goes on", [seen(question, 1e9, 0, answer=answer, reused=0), later], "new text"
    )
    parts = continued.told()[1].parts
    assert (parts.reused, parts.new, parts.server) == (kept, later.prompt_tokens - kept, 0)
