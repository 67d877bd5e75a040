"""What the engine works on, as every console is told it."""

from msgspec.structs import replace

from charter_engine import __version__
from charter_engine.contracts.gauges import Session
from charter_engine.service.hub import Hub


class SessionGauge:
    """The session, published whenever something of it changes."""

    def __init__(
        self, hub: Hub, *, read_only: bool, keeps_text: bool = True, started_with: str = ""
    ) -> None:
        self._hub = hub
        self.value = Session(
            engine_version=__version__,
            read_only=read_only,
            keeps_text=keeps_text,
            phase="starting",
            started_with=started_with,
        )

    def set(self, **changes: object) -> None:
        """Change some of its fields."""
        self.value = replace(self.value, **changes)
        self.publish()

    def publish(self) -> None:
        self._hub.publish(self.value)

    def step(self, text: str) -> None:
        """Tell a step of something under way, as the phase and as an event."""
        self.set(phase=text)
        self._hub.event("engine", text)
