"""What was asked for on the command line."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """`record`, `duration` (seconds) and `headless` go together; `replay` excludes them and an agent."""

    agent: str | None = None
    triton: str | None = None
    attach: str | None = None
    theme: str | None = None
    inputs: str | None = None
    record: str | None = None
    replay: str | None = None
    duration: float | None = None
    headless: bool = False
    read_only: bool = False

    def engine_arguments(self) -> list[str]:
        """Options of `charter-engine serve` for an engine of our own."""
        pairs = (("--triton", self.triton), ("--inputs", self.inputs), ("--replay", self.replay))
        arguments = [part for flag, value in pairs if value is not None for part in (flag, value)]
        return [*arguments, "--read-only"] if self.read_only else arguments
