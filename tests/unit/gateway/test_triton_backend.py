"""What a gateway asks of `charter_bls`."""

from types import SimpleNamespace
from typing import Any

import pytest
from multidict import CIMultiDict

from charter_engine.gateway.asking import Asking
from charter_engine.gateway.model import ServedModel
from charter_engine.gateway.passing import Passing, Peeked
from charter_engine.gateway.triton_backend import TritonBackend
from charter_engine.triton.request import Generated, GenerateRequest


class AskedTriton:
    """Remembers what it was asked."""

    model = ServedModel()

    def __init__(self) -> None:
        self.asked: list[GenerateRequest] = []
        self.client: Any = SimpleNamespace(generate=self._generate)

    async def is_ready(self) -> bool:
        return True

    async def follow(self, failed: Any) -> bool:
        return self.client is not failed

    async def _generate(self, request: GenerateRequest) -> Generated:
        self.asked.append(request)
        return Generated(text="")


@pytest.mark.parametrize("ends", [True, False])
async def test_the_end_of_a_session_is_passed_on(ends: bool) -> None:
    headers = CIMultiDict({"X-Session-Id": "s"} | ({"X-Dynamo-Session-Final": "1"} if ends else {}))
    passing = Passing("/v1/completions", headers, lambda _: None)
    passing.read(Peeked())
    triton = AskedTriton()
    async for _ in TritonBackend(triton).answer(Asking(model="m", prompt="Hello."), passing):
        pass
    (asked,) = triton.asked
    assert (asked.session, asked.ends_session) == ("s", ends)
