"""The bundled tokenizer, and what a random model may say in it."""

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from charter_engine.bls.tokenizer import load_tokenizer
from charter_engine.embedded.engine.loading import score_bias
from charter_engine.embedded.engine.tokenizer import (
    tokenizer_path,
    vocabulary_size,
    whole_words,
)
from charter_engine.embedded.engine.train_tokenizer import train

TOKENIZER = load_tokenizer(tokenizer_path())
WORDS = whole_words(TOKENIZER)


@given(st.text(max_size=200))
def test_every_text_can_be_encoded_and_comes_back(text: str) -> None:
    assert TOKENIZER.decode(TOKENIZER.encode(text).ids) == text


@given(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=60),
    st.sampled_from(["Entities:", "cue.", "a\n", "}", ""]),
)
def test_what_a_random_model_says_comes_back_as_the_same_tokens_in_the_next_prompt(
    said: list[int], before: str
) -> None:
    text = TOKENIZER.decode(said)
    head, tail = TOKENIZER.encode(before).ids, TOKENIZER.encode("\n\nNow classify:").ids
    assert TOKENIZER.encode(before + text + "\n\nNow classify:").ids == head + said + tail


def test_the_bundled_tokenizer_has_as_many_tokens_as_is_said_without_loading_it() -> None:
    assert vocabulary_size(tokenizer_path()) == TOKENIZER.get_vocab_size()


def test_english_takes_few_tokens() -> None:
    text = (
        "The committee reviewed the annual report and asked for the missing figures before the end "
        "of the month."
    )
    assert len(text) / len(TOKENIZER.encode(text).ids) > 3


def test_the_bias_lets_through_whole_words_and_nothing_else() -> None:
    bias = score_bias(TOKENIZER, 4096)
    assert set(np.flatnonzero(bias == 0)) == set(WORDS)
    assert np.isneginf(bias[TOKENIZER.token_to_id("<|end|>")])


def test_training_keeps_every_byte_as_a_token_of_its_own() -> None:
    tokenizer = train(iter(["a few words " * 50]), 300)
    assert tokenizer.decode(tokenizer.encode("ÿ\x00€").ids) == "ÿ\x00€"


def test_the_file_stays_small() -> None:
    assert Path(tokenizer_path()).stat().st_size < 400_000
