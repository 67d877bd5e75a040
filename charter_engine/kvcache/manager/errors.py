"""What the block manager refuses. Every refusal leaves the manager as it was."""

from collections.abc import Hashable


class KVCacheError(Exception):
    """Base of what the block manager refuses of requests.

    A retention setting that TensorRT-LLM would refuse raises `InvalidRetention` when it is made.
    """


class UnknownRequest(KVCacheError, LookupError):
    """The request was never added, or has finished."""

    def __init__(self, request_id: Hashable) -> None:
        super().__init__(
            f"request {request_id!r} is not running: add it first; finished requests are forgotten"
        )
        self.request_id = request_id


class DuplicateRequest(KVCacheError, ValueError):
    """A request of this id is running."""

    def __init__(self, request_id: Hashable) -> None:
        super().__init__(
            f"request {request_id!r} is already running: finish it first or use another id"
        )
        self.request_id = request_id


class OutOfBlocks(KVCacheError):
    """Fewer GPU blocks are idle than the request needs."""

    def __init__(self, needed: int, free: int) -> None:
        super().__init__(
            f"{needed} GPU blocks are needed and {free} are idle: wait until a request finishes"
        )
        self.needed = needed
        self.free = free
