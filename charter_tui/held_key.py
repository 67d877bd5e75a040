"""A key of a replay that is held down: its steps grow, so that a day is crossed in seconds."""

from typing import Final

HELD_WITHIN_SECONDS: Final = 0.09
"""A terminal repeats a held key about every 33 ms, and nobody presses one so often."""
STEPS_OF_A_SIZE: Final = 4
"""As in dolphie's replay, where a held key doubles its step so often (facts of other consoles)."""
LARGEST_SHARE: Final = 0.01
"""Of what is shown, that a step grows to."""


class HeldKey:
    """Tells a key that is held from one that is pressed again, by its steps and their times."""

    def __init__(self) -> None:
        self._step = 0.0
        self._at = float("-inf")
        self._repeats = 0

    def step(self, seconds: float, now: float, span: float) -> float:
        """How far a step of so many seconds goes at the time `now` (seconds of any clock): after
        every few repeats of a held key twice as far, up to a share of the `span` that is shown, and
        never less far than by itself."""
        is_held = seconds == self._step and now - self._at <= HELD_WITHIN_SECONDS
        self._repeats = self._repeats + 1 if is_held else 0
        self._step, self._at = seconds, now
        most = max(1.0, LARGEST_SHARE * span / abs(seconds))
        # Beyond so many doublings a float is no longer a number.
        doublings = min(self._repeats // STEPS_OF_A_SIZE, 64)
        return seconds * min(2.0**doublings, most)
