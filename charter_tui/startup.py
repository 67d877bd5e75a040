"""What the command line asks of the engine once it is there: a recording, and the first run of the agent."""

from collections.abc import Iterator

from charter_engine.contracts.protocol import Command, StartRecording, StartRun
from charter_tui.options import Options
from charter_tui.state import Snapshot


class Startup:
    """Each wish is made once, when the snapshot shows that it can be met."""

    def __init__(self, options: Options, record: bool = True) -> None:
        self._record = options.record if record else None
        self._run = options.agent is not None and not options.read_only and options.replay is None

    def due(self, snapshot: Snapshot) -> Iterator[Command]:
        """The commands whose time has come."""
        if snapshot.link.state != "connected" or snapshot.session is None or snapshot.replaying:
            return
        if self._record is not None:
            path, self._record = self._record, None
            yield StartRecording(path=path)
        if self._run and ready_to_run(snapshot):
            self._run = False
            if snapshot.link.owned and (snapshot.run is None or snapshot.run.progress.state == "none"):
                yield StartRun()


def ready_to_run(snapshot: Snapshot) -> bool:
    """Whether the agent is compiled, and Triton serves and was probed."""
    return bool(
        snapshot.calls
        and snapshot.session
        and snapshot.session.profile
        and snapshot.triton
        and snapshot.triton.sample.health == "ready"
    )
