"""10,000 random keys, clicks, wheels and resizes at three seeds: no traceback.

The suite sends a few hundred (tests/tui/test_storm.py). A seed takes about 45 s of processor time,
most of it to lay out and paint; `--seed` runs one alone, so that several can run side by side.
"""

import argparse
import asyncio
import tempfile
import time
from contextlib import chdir
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
    # Screenshots, which the keys take, go to the working directory.
    with tempfile.TemporaryDirectory() as directory, chdir(directory):
        path = Path(directory) / "engine.sock"
        engine = ScriptedEngine(path, (*GAUGES, DRAFT))
        await engine.start()
        started = time.process_time()
        sent = 0
        try:
            while sent < EVENTS:
                app = make_app(Options(attach=str(path)))
                async with app.run_test(size=(80, 24)) as pilot:
                    sent += await storm(Stage(app, engine, pilot), seed + sent, EVENTS - sent)
        finally:
            await engine.stop()
        seconds = time.process_time() - started
        took = f"{seconds:.0f} s of processor time"
        print(f"seed {seed}: {EVENTS:,} random events in {took}, no traceback", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, action="append")
    for seed in parser.parse_args().seed or SEEDS:
        asyncio.run(bench(seed))


if __name__ == "__main__":
    main()
