"""The server as calls meet it: its health, its models, and the circuit breaker in front of it."""

from typing import Final

from charter_engine.contracts.live import BreakerState, TritonSample
from charter_tui.present.panels import HEALTH
from charter_tui.present.possible import with_ways
from charter_tui.present.spans import EMPTY, Line, Span, Tone, line, plain
from charter_tui.present.words import Standing, labelled_lines, sentence_lines
from charter_tui.state import Snapshot

BREAKER: Final[dict[BreakerState, tuple[str, Tone, str]]] = {
    "closed": ("●", "good", "closed: every call goes through"),
    "half-open": ("◌", "warning", "half-open: one call goes through to see"),
    "open": ("✗", "bad", "open: the server is not asked for a while"),
}
_HOW: Final = (
    "It opens after five calls in a row that got no answer, and asks again by itself within five "
    "seconds"
)
_AT_ONCE: Final = (("deploy.reset_breaker", "B asks at once"),)


def server_standing(snapshot: Snapshot) -> Standing:
    """Health and breaker."""
    if snapshot.triton is None:
        return Standing(Span("◌ not sampled yet", "muted"))
    sample = snapshot.triton.sample
    text, tone = HEALTH[sample.health]
    if sample.breaker != "closed":
        breaker = Span(f"breaker {sample.breaker}: ", BREAKER[sample.breaker][1])
        return Standing(Span(text, tone), line(breaker, plain(_why(sample))))
    about = " ".join(plain(part) for part in (sample.url, sample.version) if part)
    return Standing(Span(text, tone), line(f"breaker closed  {about}"))


def server_lines(snapshot: Snapshot, width: int) -> tuple[Line, ...]:
    """The server and its breaker in full."""
    if snapshot.triton is None:
        return (line(Span("waiting for the first sample", "muted")),)
    sample = snapshot.triton.sample
    text, tone = HEALTH[sample.health]
    sign, breaker_tone, words = BREAKER[sample.breaker]
    return (
        line(
            Span(f"{sample.called:<8} ", "muted"),
            Span(text, tone),
            Span(f"  {plain(sample.url)}  {plain(sample.version)}", "muted"),
        ),
        *labelled_lines("", "" if sample.health == "ready" else sample.reason, width, "warning"),
        *_models(sample),
        EMPTY,
        line(Span("Breaker  ", "muted"), Span(f"{sign} {words}", breaker_tone)),
        *labelled_lines("why", sample.breaker_reason, width, "warning"),
        *sentence_lines(with_ways(snapshot, _HOW, _AT_ONCE, ". "), width, "muted"),
    )


def _why(sample: TritonSample) -> str:
    return sample.breaker_reason or sample.reason


def _models(sample: TritonSample) -> tuple[Line, ...]:
    return tuple(
        line(
            Span(f"{'Models' if not index else '':<9}", "muted"),
            Span(f"{plain(name):<16} "),
            Span(plain(state), "good" if state.lower() == "ready" else "warning"),
        )
        for index, (name, state) in enumerate(sorted(sample.models.items()))
    )
