"""The plot of what plans changed on a real vLLM: `python -m scripts.plots` draws it anew.

It is drawn from the figures that are kept of the benchmark, so that it shows what was measured.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from msgspec import json

from tests.benchmarks.kept import KeptRun

ROOT = Path(__file__).parents[1]
PLACE = ROOT / "docs" / "pictures" / "savings.svg"
FIGURES = ROOT / "docs" / "figures" / "vllm.json"
WIDTH, ROW, BAR, LEFT, TOP = 720, 58, 18, 250, 46
MIDDLE = LEFT + 300
"""Where nothing changed. What became less reaches to the left of it."""
SCALE = 2.6
"""Width of a per cent."""
COLOURS = {"first token": "#c98a1b", "whole latency": "#3a7ca5"}
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#808080}"
    ".name{text-anchor:end}.less{text-anchor:end}.axis{stroke:#808080}"
)


CASES = {
    "long": "documents, long answers",
    "short": "documents, short answers",
    "rows": "rows, short answers",
    "model": "SmolLM2, documents, short",
    "model_rows": "SmolLM2, rows, short",
}


class Case(NamedTuple):
    """What requests were, and by how many per cent a plan changed their times."""

    name: str
    first_token: float
    whole_latency: float


def cases(run: KeptRun) -> tuple[Case, ...]:
    """The cases of the benchmark, each of which became shorter."""
    return tuple(
        Case(name, -run.figures[f"{case}_ttft"], -run.figures[f"{case}_latency"])
        for case, name in CASES.items()
    )


def drawn(shown: tuple[Case, ...]) -> str:
    """The plot as SVG: bars to the left are times that became shorter."""
    height = TOP + ROW * len(shown) + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        "<title>Change of the times of a request under a plan, on vLLM</title>",
        f"<style>{STYLE}</style>",
        *_legend(),
        f'<line class="axis" x1="{MIDDLE}" x2="{MIDDLE}" y1="{TOP - 8}" y2="{height - 8}"/>',
    ]
    for number, case in enumerate(shown):
        parts += _row(case, TOP + ROW * number)
    return "\n".join((*parts, "</svg>", ""))


def _legend() -> Iterator[str]:
    for number, (name, colour) in enumerate(COLOURS.items()):
        x = LEFT + 150 * number
        yield f'<rect x="{x}" y="10" width="14" height="14" fill="{colour}"/>'
        yield f'<text x="{x + 20}" y="22">{name}</text>'


def _row(case: Case, top: int) -> Iterator[str]:
    yield f'<text class="name" x="{LEFT - 16}" y="{top + BAR + 6}">{case.name}</text>'
    changes = (case.first_token, case.whole_latency)
    for number, (change, colour) in enumerate(zip(changes, COLOURS.values(), strict=True)):
        y = top + number * (BAR + 2)
        width = SCALE * abs(change)
        x = MIDDLE - width if change < 0 else MIDDLE
        end = x - 6 if change < 0 else x + width + 6
        kind = ' class="less"' if change < 0 else ""
        sign = "−" if change < 0 else "+"
        yield f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{BAR}" fill="{colour}"/>'
        yield f'<text{kind} x="{end:.1f}" y="{y + 14}">{sign}{abs(change):g} %</text>'


def plot() -> str:
    """The plot of the figures that are kept."""
    return drawn(cases(json.decode(FIGURES.read_bytes(), type=KeptRun)))


if __name__ == "__main__":
    PLACE.write_text(plot(), "utf-8")
