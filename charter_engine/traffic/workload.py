"""Traffic as a workload: what passed is what the next plan is made on."""

from collections.abc import Sequence

from charter_engine.bls.chain import GRAIN_TOKENS
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.kvcache.workload.columns import Workload, WorkloadBuilder, to_runs
from charter_engine.traffic.hashes import hashes_of
from charter_engine.traffic.sessions import sessions_of


def workload_of(records: Sequence[TrafficRecord]) -> Workload:
    """The answered requests, from the first one's arrival on; content is known by grains of 16
    tokens.

    What was generated is content nobody else has, since the content of a workload is that of
    prompts: one that goes on from an answer is predicted to reuse no more than the prompt before
    it.
    """
    builder = WorkloadBuilder()
    start = min((record.at for record in records), default=0.0)
    for record, session in zip(records, sessions_of(records), strict=True):
        if record.error or not record.prompt_tokens:
            continue
        builder.add(
            (record.at - start) * 1000,
            record.prompt_tokens,
            record.output_tokens or 0,
            GRAIN_TOKENS,
            to_runs(hashes_of(record)),
            node=record.node,
            session=session,
            served_ms=record.total_ms,
        )
    return builder.build()
