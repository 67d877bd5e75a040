"""Draws the README's pictures of the console: `python -m scripts.pictures`.

A console opens on the example agent, with an engine process and a Triton of its own, and is led by
its keys through what the README has one try first. Textual's own screenshot export draws what it
shows.
"""

import asyncio
import os
import re
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from textual.pilot import Pilot

from charter_tui.opening import make_app
from charter_tui.options import Options

ROOT: Final = Path(__file__).parents[1]
PICTURES: Final = ROOT / "docs" / "pictures"
AGENT: Final = ROOT / "examples" / "agents" / "document_processor.py"
SIZE: Final = (120, 36)
WAIT_SECONDS: Final = 900.0
SHORTER: Final = (
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


@dataclass(frozen=True)
class Step:
    """Keys, a pattern of what is on screen behind them, and the name of the picture of that."""

    keys: str
    shown: str
    picture: str = ""


TRYING_THIS_FIRST: Final = (
    Step("", r"done .* (\d+)/\1 items", "graph"),
    Step("2 a", r"draft, against live", "tuning"),
    Step("p 1", r"graph  revision 1"),
    Step("r", r"done .* (\d+)/\1 items.* revision 1"),
    Step("0", r"as predicted(.|\n)*Shared prefixes", "cache"),
    Step("9", r"Advice +[●◆✗]", "deploy"),
)


async def lead(pilot: Pilot[Any], steps: Iterable[Step]) -> None:
    """Press the keys of each step, wait for what it shows, and draw it where it has a name."""
    for step in steps:
        await pilot.press(*step.keys.split())
        deadline = time.monotonic() + WAIT_SECONDS
        while not re.search(step.shown, shown := text_of(pilot)):
            if time.monotonic() > deadline:
                raise SystemExit(f"no {step.shown!r} behind {step.keys!r}:\n{shown}")
            await pilot.pause(0.1)
        if step.picture:
            picture = smaller(pilot.app.export_screenshot())
            (PICTURES / f"{step.picture}.svg").write_text(picture)


def text_of(pilot: Pilot[Any]) -> str:
    """What is on screen."""
    lines = pilot.app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in lines)


def smaller(picture: str) -> str:
    """The same picture in fewer bytes: what every line repeats is said once or left out."""
    for pattern, shorter in SHORTER:
        picture = re.sub(pattern, shorter, picture)
    return picture


async def draw_all() -> None:
    PICTURES.mkdir(exist_ok=True)
    app = make_app(Options(agent=str(AGENT.relative_to(ROOT)), theme="charter-dark"))
    async with app.run_test(size=SIZE) as pilot:
        await lead(pilot, TRYING_THIS_FIRST)


def main() -> None:
    """Draw with nothing of the user's, neither configuration nor earlier runs, and in every
    colour."""
    os.chdir(ROOT)
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "CHARTER_STATE": f"{folder}/state",
            "CHARTER_SOCKET": f"{folder}/engine.sock",
            "XDG_CONFIG_HOME": folder,
            "XDG_RUNTIME_DIR": folder,
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "TZ": "UTC",
        }
        os.environ.pop("NO_COLOR", None)
        time.tzset()
        asyncio.run(draw_all())


if __name__ == "__main__":
    main()
