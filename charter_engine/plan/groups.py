"""Cache groups: nodes whose prompts begin alike share an id, for scheduling, reporting, and the
deployments that take one."""

from collections.abc import Sequence

from charter_engine.analysis.agent_workload import PlacedRequest

LEAST_SHARED_TOKENS = 16
"""Assumed: half a block of the usual size; shorter beginnings may be alike by accident."""


def cache_groups(placed: Sequence[PlacedRequest]) -> dict[str, str]:
    """The group of each node that shares its first `LEAST_SHARED_TOKENS` with another node, or with
    its own other requests. A group is named after its first node."""
    groups: dict[tuple[int, ...], list[str]] = {}
    counts: dict[tuple[int, ...], int] = {}
    for item in placed:
        head = item.request.token_ids[:LEAST_SHARED_TOKENS]
        if len(head) == LEAST_SHARED_TOKENS:
            members = groups.setdefault(head, [])
            counts[head] = counts.get(head, 0) + 1
            if item.request.node not in members:
                members.append(item.request.node)
    return {
        node: members[0]
        for head, members in reversed(groups.items())
        if counts[head] > 1
        for node in members
    }
