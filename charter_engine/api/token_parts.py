"""What became of the prompt tokens of a deployment's traffic, told as it comes."""

import asyncio
from collections.abc import Sequence

from charter_engine.contracts.explaining import PromptParts
from charter_engine.contracts.gauges import NodeParts, TokenParts
from charter_engine.contracts.traffic import TrafficRecord

Apart = tuple[TrafficRecord, PromptParts | None]


class TokenPartsCount:
    """Tells requests apart, and adds their tokens up by node."""

    def __init__(self) -> None:
        from charter_engine.traffic.told_apart import ToldApart

        self._teller = ToldApart()
        self._nodes: dict[str, NodeParts] = {}

    async def take(
        self, records: Sequence[TrafficRecord], tokens_per_block: int, *, count: bool
    ) -> list[Apart]:
        """Each request with its parts. Without `count` they are only remembered, for those that
        come after them."""
        teller = self._teller
        told = await asyncio.to_thread(lambda: list(teller.take(records, tokens_per_block)))
        if count:
            for record, parts in told:
                if parts is not None:
                    self._add(record.node, parts)
        return told

    @property
    def total(self) -> TokenParts:
        """All that was counted."""
        return TokenParts(tuple(self._nodes[node] for node in sorted(self._nodes)))

    def _add(self, node: str, parts: PromptParts) -> None:
        from charter_engine.traffic.costs import added_up

        known = self._nodes.get(node, NodeParts(node=node))
        self._nodes[node] = NodeParts(
            node=node, requests=known.requests + 1, parts=added_up((known.parts, parts))
        )
