"""Faults that a paged cache can have, by name: what the corruption canary is tried against."""

from typing import Literal

from msgspec import Struct

FaultKind = Literal["offload", "stranger", "orphan", "partial", "namespace", "boundary"]
"""`offload`: a block comes back from host with another block's content. `stranger`: a block that is
reused holds another prompt's tokens. `orphan`: a block is given to a new request and found by its
old key all the same. `partial`: the copy of a partly matching block is not made, so what lay there
before is read. `namespace`: blocks are shared across cache salts. `boundary`: where reuse ends at
a block's boundary, that block is read one token off."""


class CacheFault(Struct, frozen=True, kw_only=True):
    """One fault, and the share of its opportunities at which it strikes."""

    kind: FaultKind
    share: float = 1.0
