"""Notices that the open agent's source changed on disk: old calls are never shown in silence."""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

from charter_engine.api.agents import OpenedAgent
from charter_engine.service.sampling import regularly

Stamp = tuple[tuple[Path, int, int], ...]
"""Of each file, when it was written and its size in bytes; -1 where it is gone."""


class SourceWatch:
    """Looks at the files of the open agent once a second; `changed` hears of it, once."""

    def __init__(self, changed: Callable[[OpenedAgent], None]) -> None:
        self._changed = changed
        self._agent: OpenedAgent | None = None
        self._stamp: Stamp = ()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(regularly(self.look))

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def opened(self, agent: OpenedAgent) -> None:
        """An agent was read: what is on disk is what is shown."""
        self._agent, self._stamp = agent, stamp_of(files_of(agent))

    async def look(self) -> None:
        """Compare what is on disk with what was read."""
        agent = self._agent
        if agent is None:
            return
        found = await asyncio.to_thread(stamp_of, files_of(agent))
        if found != self._stamp and agent is self._agent:
            self._stamp = found
            self._changed(agent)


def files_of(agent: OpenedAgent) -> tuple[Path, ...]:
    """The files an agent was read from: its sources with calls, and its inputs."""
    sources = {Path(call.path) for call in agent.compiled.calls}
    beside = {agent.inputs_path} if agent.inputs_path else set()
    own = {agent.path} if agent.path.is_file() else set()
    return tuple(sorted(sources | beside | own))


def stamp_of(files: Iterable[Path]) -> Stamp:
    """What tells one state of some files from another."""
    return tuple((file, *_written(file)) for file in files)


def _written(file: Path) -> tuple[int, int]:
    try:
        found = file.stat()
    except OSError:
        return -1, -1
    return found.st_mtime_ns, found.st_size
