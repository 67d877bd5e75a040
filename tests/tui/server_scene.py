"""Canned records of servers that are no Triton."""

from msgspec.structs import replace

from charter_engine.contracts.gauges import Session, Triton
from charter_engine.contracts.live import CounterRates, KvPool, TritonSample
from charter_engine.contracts.server import ServerProfile
from charter_engine.servers import vllm
from charter_engine.servers.http_profile import profile_by_http
from tests.tui.scene import PLAN, SESSION

ADDRESS = "http://10.0.0.7:8000"
VLLM = ServerProfile(
    kind="vllm",
    address=ADDRESS,
    version="0.99.0",
    model="llama-3.1-8b",
    tokens_per_block=16,
    manager="vLLM",
    manager_evidence="/v1/models and its metrics",
    rules="vllm",
    rules_evidence="vLLM: whole blocks, plain LRU, unfilled blocks first",
    levers=vllm.levers_of({}),
    request_counters=("prompt tokens", f"cached tokens, with {vllm.PER_REQUEST_OPTION}"),
    notes=("vLLM 0.99.0 is newer than 0.32, from which Charter's rules were read",),
)
ON_VLLM: Session = replace(
    SESSION,
    plan=replace(PLAN, nodes={}),
    revision=0,
    notice="",
    server=VLLM,
    profile=profile_by_http(VLLM, has_gateway=False),
)
VLLM_SAMPLE = Triton(
    TritonSample(
        health="ready",
        called="vLLM",
        url=ADDRESS,
        version="0.99.0",
        kv_pool=KvPool(max_blocks=2_000, free_blocks=1_500, used_blocks=500, tokens_per_block=16),
        active_requests=2,
        waiting_requests=1,
        rates=CounterRates(
            seconds=1.0,
            prompt_tokens=5_120.0,
            reused_tokens=1_280.0,
            hit_rate=0.25,
            reuse="measured",
        ),
    )
)
