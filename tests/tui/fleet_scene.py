"""Three servers, of which one is down and one has another plan."""

from charter_engine.contracts.fleet import FleetNow, ServerDifference, ServerNow
from charter_engine.contracts.gauges import Fleet
from charter_engine.contracts.live import KvPool, TritonSample
from charter_engine.contracts.series import Tick
from charter_engine.contracts.server import ServerLever, ServerProfile, ServerReport
from tests.tui.scene import START

ONE, TWO, THREE = "gpu1.example:8001", "gpu2.example:8001", "gpu3.example:8001"
PUSH_TO_ALL = "push one plan to all of them: charter-engine push PLAN --servers SOURCE"


def _ready(server: str, used: int, computed: int, prompt: int, ttft: float) -> ServerNow:
    return ServerNow(
        server=server,
        sample=TritonSample(
            health="ready",
            url=server,
            version="2.51.0",
            kv_pool=KvPool(
                max_blocks=4_096, free_blocks=4_096 - used, used_blocks=used, tokens_per_block=32
            ),
            waiting_requests=used // 1_000,
        ),
        revision=3,
        total=Tick(
            at=START,
            seconds=60.0,
            requests=prompt // 1_000,
            prompt_tokens=prompt,
            computed_tokens=computed,
            ttft_ms=ttft,
        ),
    )


DOWN = ServerNow(
    server=THREE,
    sample=TritonSample(
        health="unreachable",
        reason="gpu3.example:8001 does not answer",
        url=THREE,
        breaker="open",
        breaker_reason="no answer in time",
    ),
)
ALIKE = Fleet(
    now=FleetNow(
        seconds=60.0,
        servers=(
            _ready(ONE, 3_020, 118_000, 590_000, 84.0),
            _ready(TWO, 1_210, 71_000, 402_000, 61.0),
        ),
    )
)
DIFFERING = Fleet(
    now=FleetNow(
        seconds=60.0,
        servers=(*ALIKE.now.servers, DOWN),
        differences=(
            ServerDifference(
                server=TWO,
                path="plan.nodes.DocumentProcessor.process:entities.decode_priority",
                usual="35",
                found="60",
                remedy=PUSH_TO_ALL,
            ),
            ServerDifference(
                server=TWO,
                path="server version",
                usual="2.51.0",
                found="2.60.0",
                remedy="serve the same release on all of them",
            ),
        ),
    )
)
REPORT = ServerReport(
    profile=ServerProfile(
        kind="triton-engine",
        address=TWO,
        version="2.51.0",
        model="tensorrt_llm",
        tokens_per_block=32,
        manager="V1",
        manager_evidence="the engine path has no other",
        rules="leaf",
        rules_evidence="TensorRT-LLM's V1 manager",
        levers=(
            ServerLever(
                name="layout", acts=True, where="charter_bls, apply: traffic", cost="plan reload"
            ),
            ServerLever(
                name="cache salt", acts=False, reason="the engine's model has no input for it"
            ),
        ),
    )
)
