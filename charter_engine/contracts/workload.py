"""Requests with arrival times: one line of a workload file each, a superset of the Mooncake trace
format."""

from msgspec import Struct

from charter_engine.bls.retention import Retention


class WorkloadRequest(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`hash_ids` name prefix blocks of `block_tokens` tokens (equal id: equal content and equal
    prefix). Where it is known what was generated, the last of them is the block in which the output
    begins, and `output_hash_ids` are those behind it.

    `token_ids`, where present, wins over both. Content is shared within a `salt` and an `adapter`
    (a LoRA's, or a model's, name) only. `node` is the call the request came from,
    `session` the run. `timestamp` is in milliseconds from the start of the workload. `served_ms` is
    how long the request took where it was recorded: a fact of the past once it is done, never
    something to decide its own retention by.
    """

    timestamp: float
    input_length: int
    output_length: int
    hash_ids: tuple[int, ...] = ()
    output_hash_ids: tuple[int, ...] = ()
    block_tokens: int = 512
    token_ids: tuple[int, ...] = ()
    output_ids: tuple[int, ...] = ()
    salt: str = ""
    adapter: str = ""
    node: str = ""
    session: str = ""
    retention: Retention | None = None
    served_ms: float | None = None
