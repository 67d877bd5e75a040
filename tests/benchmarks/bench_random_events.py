"""10,000 random keys, clicks, wheels and resizes at three seeds: no traceback.

The suite sends a few hundred (tests/tui/test_storm.py).
"""

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Final

from charter_tui.opening import make_app
from charter_tui.options import Options
from tests.tui.conftest import Stage
from tests.tui.scene import DRAFT, GAUGES
from tests.tui.scripted import ScriptedEngine
from tests.tui.storm import storm

EVENTS: Final = 10_000
SEEDS: Final = (1, 2, 3)


async def bench(seed: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "engine.sock"
        engine = ScriptedEngine(path, (*GAUGES, DRAFT))
        await engine.start()
        app = make_app(Options(attach=str(path)))
        started = time.monotonic()
        try:
            async with app.run_test(size=(80, 24)) as pilot:
                await storm(Stage(app, engine, pilot), seed, EVENTS)
                assert app.is_running
        finally:
            await engine.stop()
        seconds = time.monotonic() - started
        print(f"seed {seed}: {EVENTS:,} random events in {seconds:.0f} s, no traceback", flush=True)


if __name__ == "__main__":
    for number in SEEDS:
        asyncio.run(bench(number))
