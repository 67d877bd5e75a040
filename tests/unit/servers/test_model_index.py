"""How often a server is asked which models it has."""

from typing import Any

from charter_engine.servers.deployment import INDEX_SECONDS, ModelIndex
from charter_engine.triton.client import ModelStatus


class Server:
    """Tells of one model more each time it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def index(self, _: float) -> list[ModelStatus]:
        self.asked += 1
        return [ModelStatus(str(number), "1", "READY", "") for number in range(self.asked)]


async def counts(looks: list[tuple[float, Any, bool]]) -> list[int]:
    """How many models are told at each look: at a second, of a server, which is ready or not."""
    seconds = iter([second for second, _, _ in looks])
    index = ModelIndex(lambda: next(seconds))
    return [len(await index.of(server, ready=ready)) for _, server, ready in looks]


async def test_a_server_that_is_ready_is_asked_now_and_then() -> None:
    server = Server()
    looks = [(0.0, server, True), (1.0, server, True), (INDEX_SECONDS, server, True)]
    assert await counts(looks) == [1, 1, 2]


async def test_one_that_is_not_ready_or_just_was_not_is_asked_each_time() -> None:
    server = Server()
    looks = [(0.0, server, True), (1.0, server, False), (2.0, server, True), (3.0, server, True)]
    assert await counts(looks) == [1, 2, 3, 3]


async def test_another_server_is_asked_at_once() -> None:
    assert await counts([(0.0, Server(), True), (1.0, Server(), True)]) == [1, 1]
