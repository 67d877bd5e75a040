"""How the console and the headless recorder come to an engine."""

from pathlib import Path

from charter_engine.service.client import EngineClient, connect_or_start
from charter_tui.options import Options


async def connect(options: Options, outlive: float | None = None) -> EngineClient:
    """Attach where told to, take a running engine, or start one of our own, which outlives us by
    so many seconds where it is not told to end (None: it does not)."""
    if options.attach is not None:
        return await connect_or_start(options.agent, socket=Path(options.attach), outlive=outlive)
    return await connect_or_start(
        options.agent,
        arguments=options.engine_arguments(),
        outlive=outlive if options.replay is None else None,
    )
