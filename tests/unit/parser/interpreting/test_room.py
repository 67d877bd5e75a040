"""Room for deep calls."""

import resource

from charter_engine.parser.interpreting.room import with_room

TIMES = 100
DEEPEST = 200


def down(depth: int) -> int:
    return 1 + down(depth - 1) if depth else 0


def up_and_down() -> int:
    """Go down and up again from each depth; returns how many pages that took."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for depth in range(DEEPEST):
        for _ in range(TIMES):
            down(depth)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def test_calls_that_go_up_and_down_take_no_fresh_pages() -> None:
    assert with_room(up_and_down)() < TIMES * DEEPEST / 100


def test_a_function_with_room_gives_what_it_gave_without() -> None:
    assert with_room(down)(7) == 7
    assert with_room(down).__name__ == "down"
