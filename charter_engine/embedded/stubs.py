"""The processes in which Triton's Python backend runs models (stubs): which of them crashed.

Standard library only: the supervisor uses it. A stub of this Triton ends with a fault at every
unload and reload too, and stays a zombie until Triton reaps it. So a dead one counts as crashed
only where its model is still said to be ready, with fewer stubs than it had.
"""

import contextlib
import os
import selectors
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

MODEL_FILE = "/1/model.py"


@dataclass(frozen=True)
class Child:
    """A process that a server started. `model` is what it runs, "" where that cannot be told."""

    model: str
    failed: bool = False


class StubWatch:
    """Looks at a server's stubs from time to time. `is_ready` says whether Triton calls a model
    ready."""

    def __init__(self, is_ready: Callable[[str], bool]) -> None:
        self._is_ready = is_ready
        self._models: dict[int, str] = {}
        self._expected: Counter[str] = Counter()
        self._failed: set[int] = set()

    def has_crashed(self, children: Mapping[int, Child]) -> bool:
        """Whether a stub crashed, as the children of the server are now."""
        self._models |= {number: child.model for number, child in children.items() if child.model}
        living = Counter(child.model for child in children.values() if not child.failed)
        failed = {number for number, child in children.items() if child.failed}
        lasting, self._failed = failed & self._failed, failed
        affected = {self._models.get(number, "") for number in failed}
        for model in living.keys() - affected:
            self._expected[model] = living[model]
        return any(self._is_lost(self._models.get(number, ""), living) for number in lasting)

    def _is_lost(self, model: str, living: Counter[str]) -> bool:
        """Of one that ended before anybody saw what it ran, the worst is taken."""
        if not model:
            return True
        return living[model] < self._expected[model] and self._is_ready(model)


class Ends:
    """Wakes a selector, under the name `stub`, when a process ends that was seen alive."""

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self._selector = selector
        self._watched: dict[int, int] = {}
        self.are_recent = True
        """Whether one has ended since the look before, or is dead and not waited for."""

    def watch(self, children: Mapping[int, Child]) -> None:
        """Look at the children of the server as they are now."""
        living = {number for number, child in children.items() if not child.failed}
        ended = self._watched.keys() - living
        for number in ended:
            self._forget(number)
        for number in living - self._watched.keys():
            with contextlib.suppress(OSError):  # it is gone already
                self._watched[number] = os.pidfd_open(number)
                self._selector.register(self._watched[number], selectors.EVENT_READ, "stub")
        self.are_recent = bool(ended) or len(living) < len(children)

    def close(self) -> None:
        for number in list(self._watched):
            self._forget(number)

    def _forget(self, number: int) -> None:
        file = self._watched.pop(number)
        self._selector.unregister(file)
        os.close(file)


def children_of(process: int) -> dict[int, Child]:
    """The children of all threads of a process, dead ones included that were not waited for."""
    return {
        number: child for number in child_numbers(process) if (child := _child(number)) is not None
    }


def child_numbers(process: int) -> list[int]:
    """The numbers of a process's children."""
    found: list[int] = []
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # a thread that ended while we looked
            found += map(int, path.read_text().split())
    return found


def _child(process: int) -> Child | None:
    """None for one that is gone, or that ended as it should."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        arguments = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return None
    if fields[0] == "Z":
        return Child("", failed=True) if fields[-1] != "0" else None
    return Child(_model(arguments))


def _model(arguments: list[bytes]) -> str:
    for argument in arguments:
        path = argument.decode(errors="replace")
        if path.endswith(MODEL_FILE):
            return path.removesuffix(MODEL_FILE).rpartition("/")[2]
    return ""
