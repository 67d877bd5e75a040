"""Steps of a key that is held down, and of one that is pressed again and again."""

from charter_tui.holding import HeldKey

DAY = 86_400.0


def steps(count: int, every: float, seconds: float = 1.0, span: float = DAY) -> list[float]:
    """How far so many steps go, one every so many seconds."""
    holding = HeldKey()
    return [holding.step(seconds, number * every, span) for number in range(count)]


def test_steps_of_a_held_key_double_every_few_repeats() -> None:
    assert steps(13, 0.033) == [1.0] * 4 + [2.0] * 4 + [4.0] * 4 + [8.0]


def test_they_grow_to_a_share_of_what_is_shown_in_either_direction() -> None:
    assert steps(400, 0.033)[-1] == DAY / 100
    assert steps(400, 0.033, seconds=-1.0)[-1] == -DAY / 100


def test_a_step_is_never_less_than_by_itself() -> None:
    assert steps(40, 0.033, seconds=60.0, span=120.0) == [60.0] * 40


def test_a_key_that_is_pressed_often_is_not_held() -> None:
    assert steps(40, 0.12) == [1.0] * 40


def test_another_key_begins_anew() -> None:
    holding = HeldKey()
    for number in range(9):
        holding.step(1.0, number * 0.033, DAY)
    assert holding.step(-1.0, 0.3, DAY) == -1.0
