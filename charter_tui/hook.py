"""The user's own command, which is started when an alert begins."""

import asyncio
import shlex
from asyncio.subprocess import DEVNULL


async def start_hook(command: str, words: str) -> str:
    """Run a command with `words` as its last argument; why it failed, empty where it did not."""
    try:
        process = await asyncio.create_subprocess_exec(
            *shlex.split(command), words, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL
        )
    except (OSError, ValueError) as error:
        return str(error)
    code = await process.wait()
    return f"it ended with {code}" if code else ""
