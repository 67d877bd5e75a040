"""Which earlier prompt a prompt follows."""

import dataclasses
from typing import Any

import numpy as np

from charter_engine.bls.chain import Chain
from charter_engine.traffic.following import PassedPrompts, following
from charter_engine.traffic.seen import NO_TOKENS, SeenPrompt

_CHAIN = Chain()


def prompt(name: str, tokens: list[int], **given: Any) -> SeenPrompt:
    ids = np.array(tokens, np.int32)
    hashes = _CHAIN.hashes(ids).astype(np.int64)
    seen = SeenPrompt(
        request=name, at=float(len(name)), prompt_tokens=len(ids), hashes=hashes, token_ids=ids
    )
    return dataclasses.replace(seen, **given)


def followed(later: SeenPrompt, *earlier: SeenPrompt) -> tuple[str, int, bool] | None:
    past = PassedPrompts()
    for seen in earlier:
        past.add(seen)
    found = following(later, past.candidates(later, past.known(later)))
    return (found.earlier.request, found.common, found.leaves) if found else None


HEAD = list(range(64))


def test_the_one_with_the_longest_common_beginning() -> None:
    near = prompt("near", [*HEAD, *range(900, 940)])
    far = prompt("far", [*HEAD[:32], *range(800, 880)])
    later = prompt("later", [*HEAD, *range(700, 740)])
    assert followed(later, near, far) == ("near", 64, True)


def test_of_equally_long_ones_its_own_sessions() -> None:
    own = prompt("own", [*HEAD, *range(900, 940)], session="s")
    other = prompt("other", [*HEAD, *range(800, 840)], session="t")
    later = prompt("later", [*HEAD, *range(700, 740)], session="s")
    assert followed(later, own, other) == ("own", 64, True)


def test_of_equally_long_ones_that_with_most_in_common_behind() -> None:
    alike = prompt("alike", [*HEAD, 1, *range(900, 960)])
    other = prompt("other", [*HEAD, 2, *range(800, 860)])
    later = prompt("later", [*HEAD, 3, *range(900, 960)])
    assert followed(later, alike, other) == ("alike", 64, True)


def test_one_that_goes_on_behind_the_end_of_another_does_not_leave_it() -> None:
    assert followed(prompt("later", [*HEAD, 1, 2, 3]), prompt("first", HEAD)) == (
        "first",
        64,
        False,
    )


def test_the_answer_belongs_to_what_is_followed() -> None:
    answered = prompt("answered", HEAD, prompt_tokens=40)
    later = prompt("later", [*HEAD[:50], *range(900, 940)])
    assert followed(later, answered) == ("answered", 50, True)


def test_by_hashes_the_place_is_known_to_the_grain() -> None:
    first = prompt("first", [*HEAD, *range(900, 940)], token_ids=NO_TOKENS)
    later = prompt("later", [*HEAD, 900, *range(700, 740)], token_ids=NO_TOKENS)
    assert followed(later, first) == ("first", 64, True)


def test_one_that_has_nothing_in_common_with_any_follows_none() -> None:
    assert followed(prompt("later", list(range(500, 600))), prompt("first", HEAD)) is None
