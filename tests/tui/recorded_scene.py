"""Two recordings, of a minute as written and of forty seconds under a plan."""

from charter_engine.contracts.costs import Verdict
from charter_engine.contracts.recordings import (
    ListedRecording,
    RecordedStretch,
    RecordingComparison,
)
from charter_engine.contracts.request_figures import FigureDifference
from charter_engine.contracts.series import Tick
from tests.tui.scene import ENTITIES, START


def stretch(
    path: str, start: float, seconds: int, computed: int, ttft_ms: float
) -> RecordedStretch:
    """A request every other second, and nothing measured for five seconds in the middle."""
    ticks = [
        Tick(
            at=start + second,
            requests=second % 2,
            prompt_tokens=1000 * (second % 2),
            computed_tokens=computed * (second % 2),
            ttft_ms=ttft_ms if second % 2 else None,
            pool_used=0.2 + second / 200,
        )
        for second in range(seconds)
    ]
    half = seconds // 2
    return RecordedStretch(
        path=path,
        start=start,
        end=start + seconds,
        requests=seconds // 2,
        failures=1,
        history=(tuple(ticks[:half]), tuple(ticks[half + 5 :])),
    )


COMPARED = RecordingComparison(
    before=stretch("/w/monday.charter", START, 60, 900, 240.0),
    after=stretch("/w/tuesday.charter", START + 86_400, 40, 150, 90.0),
    verdict=Verdict("computes 83 % less, first token 62 % sooner: worth it", True),
    differences=(
        FigureDifference(
            figure="computed tokens",
            before=900.0,
            after=150.0,
            difference=-750.0,
            low=-790.0,
            high=-700.0,
        ),
        FigureDifference(
            figure="hit rate", before=0.1, after=0.85, difference=0.75, low=0.7, high=0.79
        ),
        FigureDifference(figure="TTFT ms", before=240.0, after=90.0, difference=-150.0),
        FigureDifference(figure="output tokens", before=40.0, after=44.0, difference=4.0),
        FigureDifference(figure="whole ms"),
        FigureDifference(
            figure="computed tokens", node=ENTITIES, before=900.0, after=150.0, difference=-750.0
        ),
    ),
    notes=("fewer than 30 requests: no intervals",),
)
LISTED = (
    ListedRecording(path="/w/now.charter", bytes=40_960, start=START, end=START + 12),
    ListedRecording(
        path="/w/tuesday.charter",
        bytes=3 << 20,
        start=START - 86_400,
        end=START - 82_799,
        agent="/src/desk.py",
    ),
    ListedRecording(
        path="/w/monday.charter",
        bytes=2 << 20,
        start=START - 172_800,
        end=START - 172_000,
        agent="/src/desk.py",
        damaged="1 damaged stretch (40 bytes) is skipped",
    ),
    ListedRecording(
        path="/w/notes.charter",
        bytes=17,
        foreign="/w/notes.charter is not a recording of Charter",
    ),
)
