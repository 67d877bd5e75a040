"""What NVML really answers on this machine, as JSON: a fixture for tests on machines without a GPU.

    python -m scripts.nvml_answers > tests/fixtures/nvml/NAME.json

Every question is written down that `GpuMonitor` asks in two samples a second apart, in its order.
"""

import ctypes
import json
import platform
import sys
import time
from collections.abc import Callable
from typing import Any

import pynvml

from charter_engine.monitor.gpu import GpuMonitor


class Listening:
    """Stands before `pynvml` and keeps every answer. Handles are named in the order of their
    coming."""

    def __init__(self) -> None:
        self.answers: list[dict[str, Any]] = []
        self._handles: dict[int, str] = {}

    def __getattr__(self, name: str) -> Any:
        found = getattr(pynvml, name)
        is_question = name.startswith("nvml") and callable(found)
        return self._listened(name, found) if is_question else found

    def _listened(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def ask(*arguments: Any, **named: Any) -> Any:
            entry = {"ask": name, "of": [self._plain(item) for item in arguments], "with": named}
            self.answers.append(entry)
            try:
                answer = function(*arguments, **named)
            except pynvml.NVMLError as error:
                entry["error"] = error.value
                raise
            entry["answer"] = self._plain(answer)
            return answer

        return ask

    def _plain(self, value: Any) -> Any:
        """The value as JSON; a handle as its name, a structure as its fields."""
        if isinstance(value, ctypes._Pointer):
            address = ctypes.cast(value, ctypes.c_void_p).value or 0
            return self._handles.setdefault(address, f"device {len(self._handles)}")
        if isinstance(value, bytes):
            return value.decode(errors="replace")
        if isinstance(value, ctypes.Structure | ctypes.Union):
            return {field[0]: self._plain(getattr(value, field[0])) for field in value._fields_}
        if isinstance(value, pynvml.nvmlFriendlyObject):
            return {name: self._plain(item) for name, item in vars(value).items()}
        if isinstance(value, list | tuple | ctypes.Array):
            return [self._plain(item) for item in value]
        return value


def main() -> int:
    """Print the answers."""
    listening = Listening()
    monitor = GpuMonitor(listening)
    began = time.perf_counter()
    status = monitor.sample()
    milliseconds = (time.perf_counter() - began) * 1000
    time.sleep(1)
    monitor.sample()
    monitor.close()
    print(
        f"{len(listening.answers)} answers; one sample takes {milliseconds:.0f} ms", file=sys.stderr
    )
    print(f"{len(status.gpus)} GPUs {status.reason}", file=sys.stderr)
    json.dump({"system": platform.platform(), "answers": listening.answers}, sys.stdout, indent=1)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
