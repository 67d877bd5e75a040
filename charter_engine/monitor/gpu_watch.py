"""GPUs asked from a thread of their own: a driver that hangs stalls nobody."""

import logging
import queue
import threading
import time

import msgspec

from charter_engine.contracts.gpu import GpuStatus
from charter_engine.monitor.gpu import GpuMonitor

DEADLINE_SECONDS = 2.0
"""Two samples' time: a driver that takes longer hangs, and the others go on."""
log = logging.getLogger(__name__)


class GpuWatch:
    """Samples, each waited for until a deadline.

    The thread is a daemon: one that hangs in the driver ends with the process.
    """

    def __init__(
        self, monitor: GpuMonitor | None = None, deadline_seconds: float = DEADLINE_SECONDS
    ) -> None:
        self._monitor = monitor or GpuMonitor()
        self._deadline = deadline_seconds
        self._questions: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[GpuStatus] = queue.SimpleQueue()
        self._asked_at: float | None = None
        self._last = GpuStatus()
        self._thread: threading.Thread | None = None

    def sample(self) -> GpuStatus:
        """All GPUs now.

        Where NVML does not answer in time: the sample before, and for how long it has been silent.
        """
        if self._thread is None:
            self._thread = threading.Thread(target=self._answer, name="nvml", daemon=True)
            self._thread.start()
        if self._asked_at is None:
            self._asked_at = time.monotonic()
            self._questions.put(True)
        try:
            self._last = self._answers.get(timeout=self._deadline)
        except queue.Empty:
            silent = time.monotonic() - self._asked_at
            reason = f"NVML has not answered for {silent:.0f} s: the driver hangs"
            return msgspec.structs.replace(self._last, reason=reason, stale=True)
        self._asked_at = None
        return self._last

    def close(self) -> None:
        """Let the thread end; does not wait for a driver that hangs."""
        self._questions.put(False)

    def _answer(self) -> None:
        while self._questions.get():
            self._answers.put(self._sampled())
        self._monitor.close()

    def _sampled(self) -> GpuStatus:
        try:
            return self._monitor.sample()
        except Exception as error:
            # What a driver answers may be anything; without this thread it would seem to hang.
            log.exception("sampling GPUs failed")
            return GpuStatus(reason=f"NVML's answers can't be read: {error!r}")
