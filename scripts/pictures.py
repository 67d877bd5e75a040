"""Draws the README's pictures of the console: `python -m scripts.pictures`.

Textual's own screenshot export draws them, from the canned records of the tests.
"""

import asyncio
import os
import re
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from charter_engine.contracts.gauges import Canary, Payload
from charter_tui.opening import make_app
from charter_tui.options import Options
from tests.tui.answers import about_cache
from tests.tui.deploy_scene import ON_TRIAL, WATCHING, about_the_deployment, watched
from tests.tui.scene import DRAFT, GAUGES, GPU
from tests.tui.scripted import Answer, ScriptedEngine

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
SIZE = (120, 36)
WAIT_SECONDS = 10.0
ANSWER_SECONDS = 1.0
"""For what a screen asks the engine when it is opened."""
SHORTER = (
    (r"terminal-\d+-", ""),  # tells several pictures in one page apart
    (r"&#160;", "\N{NO-BREAK SPACE}"),
    (r",\s*url\([^)]*\) format\([^)]*\)", ""),  # pages load no fonts for pictures
    (r"<text [^>]*>\n</text>", ""),  # line ends
    (r'(<text [^>]*) clip-path="[^"]*"', r"\1"),  # no text reaches beyond its line
    (r'<clipPath id="line-\d+">\s*<rect [^>]*/>\s*</clipPath>', ""),
    (r' shape-rendering="crispEdges"', ""),
    (r"</style>", "rect { shape-rendering: crispEdges }\n</style>"),
    (r"\s*\n\s*", "\n"),
)
"""Patterns of Textual's export, and what stands for them."""


async def draw(
    name: str,
    keys: Iterable[str],
    *payloads: Payload,
    answers: Mapping[type, Answer] | None = None,
) -> None:
    """Write `NAME.svg`: the console on these records and answers, after these keys."""
    with tempfile.TemporaryDirectory() as directory:
        engine = ScriptedEngine(Path(directory) / "engine.sock", (*GAUGES, *payloads))
        engine.answers |= answers or {}
        await engine.start()
        app = make_app(Options(attach=str(engine.server.path), theme="charter-dark"))
        async with app.run_test(size=SIZE) as pilot:
            deadline = time.monotonic() + WAIT_SECONDS
            while app.snapshot.session is None:
                if time.monotonic() > deadline:
                    raise SystemExit("the console showed no session: `make test` tells more")
                await pilot.pause(0.01)
            await pilot.press(*keys)
            await pilot.pause(ANSWER_SECONDS)
            (PICTURES / f"{name}.svg").write_text(smaller(app.export_screenshot()))
        await engine.stop()


def smaller(picture: str) -> str:
    """The same picture in fewer bytes: what every line repeats is said once or left out."""
    for pattern, shorter in SHORTER:
        picture = re.sub(pattern, shorter, picture)
    return picture


async def draw_all() -> None:
    PICTURES.mkdir(exist_ok=True)
    await draw("graph", (), GPU)
    await draw("tuning", ("2",), DRAFT)
    await draw("cache", ("0",), answers=about_cache())
    await draw(
        "deploy",
        ("9", "down", "down", "down"),
        ON_TRIAL,
        watched(),
        Canary(WATCHING),
        answers=about_the_deployment(),
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as empty:
        os.environ.update(XDG_CONFIG_HOME=empty, TZ="UTC")
        os.environ.update(TERM="xterm-256color", COLORTERM="truecolor")
        os.environ.pop("NO_COLOR", None)
        time.tzset()
        asyncio.run(draw_all())


if __name__ == "__main__":
    main()
