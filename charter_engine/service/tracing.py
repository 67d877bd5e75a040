"""What changes the deployment, as spans."""

import time
from collections.abc import Awaitable

from charter_engine.api.tracing import Tracing
from charter_engine.contracts.commands import RIGHT_OF, Command
from charter_engine.contracts.deploy import PushReport
from charter_engine.errors import CharterError


async def traced(tracing: Tracing | None, command: Command, work: Awaitable[object]) -> object:
    """Carry out a command; where it changes the deployment, a span tells how that went."""
    if tracing is None or RIGHT_OF[type(command)] != "write":
        return await work
    what, begin = type(command).__name__.lower(), time.time()
    try:
        answer = await work
    except CharterError as error:
        tracing.push(what, begin, time.time(), str(error))
        raise
    if isinstance(answer, PushReport):
        tracing.push(what, begin, time.time(), answer if answer.ok else answer.message)
    return answer
