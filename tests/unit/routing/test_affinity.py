"""What of a request tells its server."""

from hypothesis import given
from hypothesis import strategies as st

from charter_engine.routing.affinity import GRAIN_BYTES, HEAD_BYTES, affinity_of, grains_of


def test_requests_of_a_session_belong_together_whatever_they_say() -> None:
    assert affinity_of("one", b"first").key == affinity_of("one", b"other").key


def test_a_sessions_name_is_never_taken_for_content() -> None:
    assert affinity_of("same", b"").key != affinity_of("", b"same").key


def test_without_a_session_prompts_of_one_beginning_belong_together() -> None:
    head = b"s" * HEAD_BYTES
    assert affinity_of("", head + b"one").key == affinity_of("", head + b"other").key


@given(st.binary(max_size=3 * GRAIN_BYTES), st.binary(max_size=3 * GRAIN_BYTES))
def test_content_that_goes_on_keeps_the_names_of_its_grains(content: bytes, more: bytes) -> None:
    grains = grains_of(content)
    assert grains_of(content + more)[: len(grains)] == grains


def test_a_grain_is_named_with_all_before_it() -> None:
    same = b"x" * GRAIN_BYTES
    assert grains_of(b"a" * GRAIN_BYTES + same)[1] != grains_of(b"b" * GRAIN_BYTES + same)[1]
