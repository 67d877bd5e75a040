"""NVML for machines without a GPU: one written from its documentation, and one that repeats what a
real one answered.

Constants, structures and errors are those of the real module `pynvml`.
"""

import json
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pynvml

GIB = 1 << 30
ANSWERS = Path(__file__).parent / "fixtures" / "nvml"


@dataclass
class FakeInstance:
    """A MIG instance."""

    instance: int
    total: int = 10 * GIB
    used: int = 0
    processes: dict[int, int | None] = field(default_factory=dict)


@dataclass
class FakeDevice:
    """A GPU that gives everything, except what `refuses` maps to an NVML error's code.

    `unreadable` names the questions whose answers are no UTF-8, which pynvml decodes. `processes`
    maps process ids to bytes. `mig` holds instances by their place, None where a place is free;
    empty: MIG is switched off.
    """

    name: str = "NVIDIA H100 80GB HBM3"
    total: int = 80 * GIB
    reserved: int = GIB // 2
    processes: dict[int, int | None] = field(default_factory=dict)
    links_kib: tuple[int, int] | None = None
    mig: Sequence[FakeInstance | None] = ()
    refuses: dict[str, int] = field(default_factory=dict)
    unreadable: Sequence[str] = ()
    event_reasons: int = pynvml.nvmlClocksEventReasonNone

    @property
    def used(self) -> int:
        return sum(taken or 0 for taken in self.processes.values())


class FakeNvml:
    """The module, with its devices.

    `hanging` is set for as long as every question hangs. `init_error` is what `nvmlInit` raises.
    `process_names` is what the driver knows of processes that the OS does not show.
    """

    def __init__(self, *devices: FakeDevice, init_error: int | None = None) -> None:
        self.devices = list(devices)
        self.init_error = init_error
        self.answering = threading.Event()
        self.answering.set()
        self.lost = False
        self.process_names: dict[int, str] = {}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("nvml") and name[4].isupper() and callable(getattr(pynvml, name, None)):
            raise AttributeError(name)  # a question that this driver does not know
        return getattr(pynvml, name)

    def nvmlInit(self) -> None:
        if self.init_error is not None:
            raise pynvml.NVMLError(self.init_error)

    def nvmlShutdown(self) -> None:
        pass

    def nvmlSystemGetDriverVersion(self) -> str:
        return "580.159.04"

    def nvmlSystemGetProcessName(self, pid: int) -> str:
        if pid not in self.process_names:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)
        return self.process_names[pid]

    def nvmlDeviceGetCount(self) -> int:
        self.answering.wait()
        if self.lost:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_DRIVER_NOT_LOADED)
        return len(self.devices)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Any:
        return self._of(self.devices[index], "nvmlDeviceGetHandleByIndex", lambda device: device)

    def nvmlDeviceGetName(self, handle: Any) -> str:
        if isinstance(handle, FakeInstance):
            return "NVIDIA H100 80GB HBM3 MIG 1g.10gb"
        return str(self._of(handle, "nvmlDeviceGetName", lambda device: device.name))

    def nvmlDeviceGetUUID(self, handle: Any) -> str:
        if isinstance(handle, FakeInstance):
            return f"MIG-{handle.instance}"
        return f"GPU-{self._of(handle, 'nvmlDeviceGetUUID', self.devices.index)}"

    def nvmlDeviceGetMemoryInfo(self, handle: Any, version: int | None = None) -> Any:
        reserved = getattr(handle, "reserved", 0)
        return self._of(
            handle,
            "nvmlDeviceGetMemoryInfo_v2" if version else "nvmlDeviceGetMemoryInfo",
            lambda device: SimpleNamespace(
                total=device.total,
                used=device.used,
                free=device.total - device.used - reserved,
                **({"reserved": reserved} if version else {}),
            ),
        )

    def nvmlDeviceGetUtilizationRates(self, handle: Any) -> Any:
        return self._whole(handle, "UtilizationRates", SimpleNamespace(gpu=100, memory=30))

    def nvmlDeviceGetTemperature(self, handle: Any, sensor: int) -> Any:
        return self._whole(handle, "Temperature", 68)

    def nvmlDeviceGetTemperatureThreshold(self, handle: Any, threshold: int) -> Any:
        return self._whole(handle, "TemperatureThreshold", 89)

    def nvmlDeviceGetPowerUsage(self, handle: Any) -> Any:
        return self._whole(handle, "PowerUsage", 691_112)

    def nvmlDeviceGetEnforcedPowerLimit(self, handle: Any) -> Any:
        return self._whole(handle, "EnforcedPowerLimit", 700_000)

    def nvmlDeviceGetClockInfo(self, handle: Any, kind: int) -> Any:
        return self._whole(handle, "ClockInfo", 1515 if kind == pynvml.NVML_CLOCK_SM else 2619)

    def nvmlDeviceGetMaxClockInfo(self, handle: Any, kind: int) -> Any:
        return self._whole(handle, "MaxClockInfo", 1980)

    def nvmlDeviceGetCurrentClocksEventReasons(self, handle: Any) -> Any:
        return self._whole(handle, "CurrentClocksEventReasons", handle.event_reasons)

    def nvmlDeviceGetPcieThroughput(self, handle: Any, direction: int) -> Any:
        return self._whole(handle, "PcieThroughput", 76_616 + direction)

    def nvmlDeviceGetTotalEccErrors(self, handle: Any, kind: int, counter: int) -> Any:
        return self._whole(handle, "TotalEccErrors", kind)

    def nvmlDeviceGetFieldValues(self, handle: Any, fields: Sequence[tuple[int, int]]) -> Any:
        links = handle.links_kib
        status = pynvml.NVML_SUCCESS if links else pynvml.NVML_ERROR_NOT_SUPPORTED
        return [
            SimpleNamespace(nvmlReturn=status, value=SimpleNamespace(ullVal=kib))
            for _, kib in zip(fields, links or (0, 0), strict=True)
        ]

    def nvmlDeviceGetMigMode(self, handle: Any) -> Any:
        mode = pynvml.NVML_DEVICE_MIG_ENABLE if handle.mig else pynvml.NVML_DEVICE_MIG_DISABLE
        return self._whole(handle, "MigMode", [mode, mode])

    def nvmlDeviceGetMaxMigDeviceCount(self, handle: Any) -> int:
        return len(handle.mig)

    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle: Any, index: int) -> Any:
        if handle.mig[index] is None:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)
        return handle.mig[index]

    def nvmlDeviceGetGpuInstanceId(self, handle: Any) -> int:
        return int(handle.instance)

    def nvmlDeviceGetComputeRunningProcesses(self, handle: Any) -> Any:
        return self._of(
            handle,
            "nvmlDeviceGetComputeRunningProcesses",
            lambda device: [
                SimpleNamespace(pid=pid, usedGpuMemory=taken)
                for pid, taken in device.processes.items()
            ],
        )

    def nvmlDeviceGetGraphicsRunningProcesses(self, handle: Any) -> Any:
        return self._of(handle, "nvmlDeviceGetGraphicsRunningProcesses", lambda device: [])

    def _whole(self, handle: Any, question: str, answer: Any) -> Any:
        """A question that only a whole device answers (nvml.h, on MIG device handles)."""
        if isinstance(handle, FakeInstance):
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return self._of(handle, f"nvmlDeviceGet{question}", lambda device: answer)

    def _of(self, handle: Any, function: str, read: Callable[[Any], Any]) -> Any:
        code = getattr(handle, "refuses", {}).get(function)
        if code is not None:
            raise pynvml.NVMLError(code)
        if function in getattr(handle, "unreadable", ()):
            b"\xff".decode()
        return read(handle)


class RepeatedNvml:
    """The module as it answered on a real machine, in the file that `scripts.nvml_answers` wrote.

    The same question is answered in the order of its answers, at last always alike.
    """

    def __init__(self, name: str) -> None:
        self._answers: dict[str, list[Any]] = defaultdict(list)
        for entry in json.loads((ANSWERS / name).read_text(encoding="utf-8"))["answers"]:
            self._answers[_question(entry["ask"], entry["of"], entry["with"])].append(entry)

    def __getattr__(self, name: str) -> Any:
        found = getattr(pynvml, name)
        if not (name.startswith("nvml") and name[4].isupper() and callable(found)):
            return found

        def ask(*arguments: Any, **named: Any) -> Any:
            given = self._answers[_question(name, arguments, named)]
            if not given:
                raise AttributeError(f"{name}{arguments} was not asked there")
            entry = given.pop(0) if len(given) > 1 else given[0]
            if "error" in entry:
                raise pynvml.NVMLError(entry["error"])
            return _restored(entry["answer"])

        return ask


def _question(name: str, arguments: Any, named: Any) -> str:
    return json.dumps([name, arguments, named])


def _restored(value: Any) -> Any:
    if isinstance(value, dict):
        return SimpleNamespace(**{key: _restored(item) for key, item in value.items()})
    return [_restored(item) for item in value] if isinstance(value, list) else value
