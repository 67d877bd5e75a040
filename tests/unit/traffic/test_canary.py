"""The canary's rules: what it asks, when answers differ, and what follows from that."""

import pytest

from charter_engine.contracts.canary import CanaryAnswer
from charter_engine.traffic import canary
from charter_engine.traffic.canary import AnswerDifference, CorruptionEvidence

VOCABULARY = range(200, 1200)


def answer(
    *token_ids: int, log_probs: tuple[float, ...] = (), reused_blocks: int | None = None
) -> CanaryAnswer:
    return CanaryAnswer(token_ids=token_ids, log_probs=log_probs, reused_blocks=reused_blocks)


def test_a_prompt_begins_with_a_block_that_no_other_round_has() -> None:
    first = {canary.prompt(number, 7, 32, VOCABULARY)[:32] for number in range(100)}
    assert len(first) == 100


def test_the_same_seed_gives_the_same_prompt() -> None:
    assert canary.prompt(3, 7, 32, VOCABULARY) == canary.prompt(3, 7, 32, VOCABULARY)
    assert canary.prompt(3, 7, 32, VOCABULARY) != canary.prompt(3, 8, 32, VOCABULARY)


@pytest.mark.parametrize("tokens_per_block", [2, 4, 16, 64, 128])
def test_prompts_end_at_a_boundary_behind_it_and_within_a_block(tokens_per_block: int) -> None:
    lengths = [len(canary.prompt(n, 7, tokens_per_block, VOCABULARY)) for n in range(3)]
    at, behind, within = (length % tokens_per_block for length in lengths)
    assert (at, behind) == (0, 1)
    assert within in (tokens_per_block - canary.TAIL, tokens_per_block // 2)


def test_answers_differ_where_their_tokens_part() -> None:
    assert canary.difference(answer(1, 2, 3), answer(1, 5, 3)).at == 1
    assert canary.difference(answer(1, 2, 3), answer(1, 2)).at == 2
    assert canary.difference(answer(1, 2, 3), answer(1, 2, 3)) == AnswerDifference(None, None)


def test_a_gap_is_measured_up_to_the_token_in_which_answers_part() -> None:
    one = answer(1, 2, 3, log_probs=(-0.1, -0.5, -9.0))
    other = answer(1, 5, 9, log_probs=(-0.1, -0.7, -1.0))
    assert canary.difference(one, other).gap == pytest.approx(0.2)


def test_texts_are_compared_where_there_are_no_tokens() -> None:
    assert canary.difference(CanaryAnswer(text="abc"), CanaryAnswer(text="abd")).at == 2


def test_equally_likely_tokens_may_change_places() -> None:
    assert not canary.differs(AnswerDifference(at=0, gap=0.01), 0.05)
    assert canary.differs(AnswerDifference(at=None, gap=0.5), 0.05)
    assert canary.differs(AnswerDifference(at=4, gap=None), 0.05)


def test_the_tolerance_follows_the_noise_within_bounds() -> None:
    assert canary.tolerance([]) == canary.LEAST_TOLERANCE
    assert canary.tolerance([AnswerDifference(None, 0.05)]) == pytest.approx(0.2)
    assert canary.tolerance([AnswerDifference(0, 3.0)]) == canary.MOST_TOLERANCE


def test_without_a_difference_there_is_no_evidence() -> None:
    assert CorruptionEvidence(reused=(False,) * 500, plain=(False,) * 500).weight == 0


def test_as_much_noise_without_reuse_explains_differences_away() -> None:
    half = (True, False) * 50
    assert CorruptionEvidence(reused=half, plain=half).weight == 0


def test_a_few_differences_on_a_server_without_noise_are_an_alarm() -> None:
    evidence = CorruptionEvidence(plain=(False,) * canary.NOISE_ROUNDS)
    weights = []
    for _ in range(8):
        evidence = evidence.with_reused(True)
        weights.append(evidence.weight)
    assert weights == sorted(weights)
    assert weights[0] < canary.ALARM_EVIDENCE < weights[-1]


def test_only_the_last_pairs_count() -> None:
    evidence = CorruptionEvidence()
    for _ in range(canary.WINDOW + 10):
        evidence = evidence.with_reused(False).with_plain(True)
    assert (len(evidence.reused), len(evidence.plain)) == (canary.WINDOW, canary.WINDOW)


def test_a_server_that_never_answers_twice_alike_tells_nothing() -> None:
    assert CorruptionEvidence(plain=(True,) * 5 + (False,) * 10).too_noisy
    assert not CorruptionEvidence(plain=(False,) * canary.NOISE_ROUNDS).too_noisy


def test_a_prompt_that_nobody_sent_may_share_a_first_token_but_no_block() -> None:
    assert not canary.is_impossible(answer(reused_blocks=1), salted=False)
    assert canary.is_impossible(answer(reused_blocks=2), salted=False)
    assert canary.is_impossible(answer(reused_blocks=1), salted=True)
