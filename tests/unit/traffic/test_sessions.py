"""Which requests follow one another."""

from charter_engine.traffic.sessions import sessions_of
from tests.unit.traffic.records import record

FIRST = list(range(40))
ANSWER = list(range(1000, 1030))


def test_a_session_is_what_its_client_calls_it() -> None:
    records = [record(FIRST, session="a"), record(FIRST, session="b")]
    assert sessions_of(records) == ["a", "b"]


def test_a_prompt_that_goes_on_from_a_whole_earlier_one_belongs_to_its_session() -> None:
    records = [record(FIRST), record([7] * 40), record([*FIRST, *ANSWER])]
    one, other, later = sessions_of(records)
    assert one == later != other


def test_of_two_alike_prompts_the_answer_that_a_later_one_goes_on_from_tells() -> None:
    other = list(range(2000, 2030))
    records = [
        record(FIRST, ANSWER),
        record(FIRST, other),
        record([*FIRST, *ANSWER, *([3] * 20)]),
        record([*FIRST, *other, *([3] * 20)]),
    ]
    one, two, after_one, after_two = sessions_of(records)
    assert (after_one, after_two) == (one, two) and one != two


def test_the_same_prompt_once_more_is_another_session() -> None:
    assert len(set(sessions_of([record(FIRST, ANSWER), record(FIRST, ANSWER)]))) == 2


def test_an_answer_that_was_tokenised_anew_is_gone_on_from_all_the_same() -> None:
    anew = list(range(5000, 5025))
    one, later = sessions_of([record(FIRST, ANSWER), record([*FIRST, *anew, 1, 2])])
    assert one == later


def test_a_prompt_too_short_to_hold_the_answer_goes_on_from_nothing() -> None:
    one, later = sessions_of([record(FIRST, ANSWER), record([*FIRST, 1, 2, 3])])
    assert one != later


def test_of_several_earlier_prompts_the_longest_one_tells() -> None:
    longer = [*FIRST, *ANSWER]
    records = [
        record(FIRST, session="short"),
        record(longer, session="long"),
        record([*longer, *ANSWER]),
    ]
    assert sessions_of(records)[-1] == "long"


def test_prompts_that_share_only_their_head_are_sessions_apart() -> None:
    records = [record([*FIRST, *([1] * 40)]), record([*FIRST, *([2] * 40)])]
    assert len(set(sessions_of(records))) == 2


def test_prompts_too_short_to_compare_are_sessions_apart() -> None:
    assert len(set(sessions_of([record([1, 2]), record([1, 2])]))) == 2


def test_answer_hashes_that_do_not_fit_its_length_tell_nothing() -> None:
    damaged = record(FIRST, answer_hashes=b"12345678", output_tokens=200)
    assert len(set(sessions_of([damaged, record([*FIRST, *ANSWER])]))) == 2


def test_a_record_whose_hashes_do_not_fit_its_length_has_none() -> None:
    damaged = record(FIRST, hashes=b"12345678")
    assert len(set(sessions_of([record(FIRST), damaged]))) == 2
