"""How the console and the headless recorder come to an engine."""

from pathlib import Path

from charter_engine.service.client import EngineClient, connect_or_start
from charter_tui.options import Options


async def connect(options: Options) -> EngineClient:
    """Attach where told to, take a running engine, or start one of our own."""
    if options.attach is not None:
        return await connect_or_start(options.agent, socket=Path(options.attach))
    return await connect_or_start(options.agent, arguments=options.engine_arguments())
