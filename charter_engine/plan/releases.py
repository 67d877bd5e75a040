"""Whether a plan has the server told to forget what sessions have left behind, and why."""

from collections.abc import Mapping

from charter_engine.contracts.plan import Reason, ReleaseWhen
from charter_engine.plan.retention.streams import LEAST_GAIN

RELEASES: tuple[ReleaseWhen, ...] = ("never", "superseded", "session-end")
"""From what asks least of clients and server to what asks most."""
_ENDS_ARE_TOLD = "; clients have to tell which request is a session's last (charter_session_ends)"


def best_release(rates: Mapping[ReleaseWhen, float]) -> ReleaseWhen:
    """What to have released, by the predicted token hit rates: the least of what gains as much."""
    best: ReleaseWhen = "never"
    for when, rate in rates.items():
        if rate >= rates[best] + LEAST_GAIN:
            best = when
    return best


def release_reason(
    rates: Mapping[ReleaseWhen, float], chosen: ReleaseWhen, left_out: Reason | None
) -> Reason:
    """Why that is released: what each way is predicted to bring, behind why it was left out."""
    gains = ", ".join(
        f"{when} {100 * (rate - rates['never']):+.1f}"
        for when, rate in rates.items()
        if when != "never"
    )
    words = f"predicted points of token hit rate: {gains}"
    if left_out is not None:
        return Reason(f"{left_out.text}; {words}", "predicted")
    told = _ENDS_ARE_TOLD if chosen == "session-end" else ""
    return Reason(f"{chosen}; {words}{told}", "predicted")
