"""What a session's newer prompts supersede of its earlier ones."""

from itertools import takewhile

from charter_engine.bls.branches import Branches, Superseded


def common(one: str, other: str) -> int:
    """How many leading letters two prompts share."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def followed(*prompts: str) -> list[list[Superseded[str]]]:
    """What each prompt of a session supersedes, a letter being a token."""
    branches: Branches[str] = Branches(common, len)
    return [branches.follow(prompt) for prompt in prompts]


def test_a_prompt_that_only_grows_supersedes_nothing() -> None:
    assert followed("abcd", "abcdef", "abcdefgh") == [[], [], []]


def test_what_a_prompt_rewrites_of_the_one_before_is_superseded() -> None:
    assert followed("abcdef", "abcdXYZ")[-1] == [Superseded("abcdef", 4)]


def test_a_side_call_supersedes_nothing_and_is_superseded_once_the_session_has_gone_on() -> None:
    main, side, more = "abcdefgh", "aXY", "abcdefghij"
    assert followed(main, side, more) == [[], [], []]
    assert followed(main, side, more, more + "kl")[-1] == [Superseded(side, 1)]


def test_a_branch_that_two_newer_prompts_have_left_is_superseded() -> None:
    assert followed("abcdefgh", "aXYZ", "aXYZUV")[-1] == [Superseded("abcdefgh", 1)]
    assert followed("abcdefgh", "aXYZ", "abQRSTUV")[-1] == [Superseded("abcdefgh", 2)]
