"""Draws the README's pictures of the console: `python -m scripts.pictures`.

A console opens on an example agent, with an engine process and a Triton of its own, and is led by
its keys through what the README has one try first; another one on a Triton to which sessions send
their prompts while a layout is tried on half of them. Textual's own screenshot export draws what
they show.
"""

import asyncio
import os
import re
import runpy
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from textual.pilot import Pilot
from textual.widgets import Input

from charter_engine.embedded.repository import write_embedded_repository
from charter_engine.embedded.server import EmbeddedTriton
from charter_engine.triton.client import TritonClient
from charter_engine.triton.request import GenerateRequest
from charter_tui.opening import make_app
from charter_tui.options import Options

ROOT: Final = Path(__file__).parents[1]
PICTURES: Final = ROOT / "docs" / "pictures"
AGENT: Final = ROOT / "examples" / "agents" / "document_processor.py"
TRIED: Final = ROOT / "examples" / "agents" / "delta_processor.py"
TRIED_LAYOUT: Final = """\
agent: {agent}
nodes:
  DeltaProcessor.batch_process:analysis:
    layout: prefix-first
    order: [0, 11, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12]
    apply: traffic
"""
SESSIONS: Final = 400
INDUSTRIES: Final = ("logistics", "software", "retail", "pumps", "media")
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
)

TRYING_A_LAYOUT: Final = (
    Step("home down down down down", r"computes \d+ % less(.|\n)*95 % WITHIN", "trial"),
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


async def fill_in(pilot: Pilot[Any], field: str, value: str) -> None:
    """Type into a field of the form in front, and submit it."""
    pilot.app.screen.query_one(f"#field-{field}", Input).value = value
    await pilot.press("enter")


async def draw_all(folder: Path) -> None:
    PICTURES.mkdir(exist_ok=True)
    await draw_what_is_tried_first()
    await draw_a_trial(folder)


async def draw_what_is_tried_first() -> None:
    app = make_app(Options(agent=str(AGENT.relative_to(ROOT)), theme="charter-dark"))
    async with app.run_test(size=SIZE) as pilot:
        await lead(pilot, TRYING_THIS_FIRST)


async def draw_a_trial(folder: Path) -> None:
    """A layout on half of the sessions of a Triton, and both arms beside each other."""
    repository = write_embedded_repository(folder / "models")
    plan = folder / "plan.yaml"
    plan.write_text(TRIED_LAYOUT.format(agent=TRIED))
    triton = EmbeddedTriton(repository, private=False)
    await triton.start()
    try:
        app = make_app(
            Options(
                agent=str(TRIED.relative_to(ROOT)),
                triton=triton.state.grpc_url,
                repository=str(repository),
                theme="charter-dark",
            )
        )
        async with app.run_test(size=SIZE) as pilot:
            await lead(pilot, (Step("", r"● ready"), Step("2 l", r"Load a plan")))
            await fill_in(pilot, "path", str(plan))
            await lead(pilot, (Step("", r"1 layout|prefix-first"), Step("9 n", r"Try layouts")))
            await fill_in(pilot, "share", "50 %")
            await lead(pilot, (Step("", r"revision 1 is live"),))
            async with TritonClient(triton.state.connection) as client:
                await send_all(client)
            await lead(pilot, TRYING_A_LAYOUT)
    finally:
        await triton.stop()


async def send_all(client: TritonClient) -> None:
    """Each prompt in a session of its own, two at a time."""
    room = asyncio.Semaphore(2)

    async def send(number: int, prompt: str) -> None:
        async with room:
            request = GenerateRequest(text=prompt, max_tokens=16, session=f"session-{number}")
            await client.generate(request)

    await asyncio.gather(*(send(number, prompt) for number, prompt in enumerate(prompts())))


def prompts() -> Iterator[str]:
    """What the example agent asks of one company after another."""
    asked = runpy.run_path(str(TRIED))["DeltaProcessor"]
    for number in range(SESSIONS):
        row = {
            "company": f"Company {number}",
            "annual_revenue": f"${number + 3}M",
            "employee_count": str(7 * number + 11),
            "industry": INDUSTRIES[number % len(INDUSTRIES)],
            "founding_year": str(1950 + number % 70),
        }
        yield f"{asked.SYSTEM_PROMPT}\n\n{asked.TEMPLATE.format(**row)}"


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
        asyncio.run(draw_all(Path(folder)))


if __name__ == "__main__":
    main()
