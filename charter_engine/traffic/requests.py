"""Traffic as the records of requests that recordings and consoles know."""

from charter_engine.contracts.live import RequestRecord
from charter_engine.contracts.traffic import TrafficRecord


def request_of(record: TrafficRecord) -> RequestRecord:
    """The request as measured by the server; its latency is that of `charter_bls`, not of the
    client."""
    return RequestRecord(
        run=record.run,
        node=record.node,
        item=0,
        started_at=record.at,
        prompt_tokens=record.prompt_tokens,
        output_tokens=record.output_tokens,
        reused_tokens=record.reused_tokens,
        reused_blocks=record.reused_blocks,
        missed_blocks=record.missed_blocks,
        alloc_new_blocks=record.alloc_new_blocks,
        alloc_total_blocks=record.alloc_total_blocks,
        ttft_ms=record.ttft_ms,
        latency_ms=record.total_ms,
        queue_ms=record.queue_ms,
        error=record.error or None,
        source=record.source,
        request_id=record.request_id,
    )
