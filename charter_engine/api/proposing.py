"""What a proposal for a live deployment rests on, where the operator names nothing."""

from pathlib import Path

from msgspec.structs import replace

from charter_engine.contracts.planning import PlanRequest
from charter_engine.paths import private_directory, state_directory

PASSED_S = 3600.0
"""A proposal rests on what passed in so many seconds."""
LEAST_PASSED = 100
"""Fewer requests tell less than the agent's own inputs do."""


def on_what_passed(request: PlanRequest, passed: int, now_s: float) -> PlanRequest:
    """The request as `plan --from-traffic 1h` makes it, where at least `LEAST_PASSED` requests
    passed in that time and it names nothing else to plan on.

    What is learnt is kept beside the database, under the epoch second, unless a plan file is
    written.
    """
    if not request.output:
        request = replace(request, reuse_times_output=str(_kept_reuse_times(now_s)))
    names_a_source = request.workload or request.reuse_times or request.inputs_file
    if names_a_source or request.from_traffic_s is not None or passed < LEAST_PASSED:
        return request
    return replace(request, from_traffic_s=PASSED_S)


def _kept_reuse_times(now_s: float) -> Path:
    return private_directory(state_directory() / "waits") / f"{now_s:.0f}.waits.json"
