"""Reading Triton's metrics page."""

import pytest

from charter_engine.contracts.live import KvPool
from charter_engine.triton.metrics import MetricsReader, NodeCounters

PAGE = """\
# HELP nv_trt_llm_request_metrics TRT LLM request metrics
# TYPE nv_trt_llm_request_metrics gauge
nv_trt_llm_request_metrics{model="tensorrt_llm",request_type="active",version="1"} 3
nv_trt_llm_request_metrics{model="tensorrt_llm",request_type="waiting",version="1"} 2
nv_trt_llm_request_metrics{model="other",request_type="active",version="1"} 9
# HELP nv_trt_llm_runtime_memory_metrics TRT LLM runtime memory metrics
# TYPE nv_trt_llm_runtime_memory_metrics gauge
nv_trt_llm_runtime_memory_metrics{memory_type="gpu",model="tensorrt_llm",version="1"} 1.6e+07
# HELP nv_trt_llm_kv_cache_block_metrics TRT LLM KV cache block metrics
# TYPE nv_trt_llm_kv_cache_block_metrics gauge
nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="max",model="tensorrt_llm",version="1"} 100
nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="free",model="tensorrt_llm",version="1"} 60
nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="used",model="tensorrt_llm",version="1"} 40
nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="tokens_per",model="tensorrt_llm"} 32
# HELP charter_node_requests_total Requests answered
# TYPE charter_node_requests_total counter
charter_node_requests_total{agent="a.py",node="n",revision="4"} 7
# HELP charter_node_reused_tokens_total x
# TYPE charter_node_reused_tokens_total counter
charter_node_reused_tokens_total{agent="a.py",node="n",revision="4"} 640
"""


def test_the_engines_gauges_become_a_pool() -> None:
    metrics = MetricsReader().read(PAGE)
    assert metrics.kv_pool == KvPool(
        max_blocks=100, free_blocks=60, used_blocks=40, tokens_per_block=32
    )
    assert (metrics.active_requests, metrics.waiting_requests, metrics.paused_requests) == (
        3,
        2,
        None,
    )
    assert metrics.runtime_memory_bytes == {"gpu": 16_000_000}


def test_node_counters_are_kept_by_node_and_revision() -> None:
    assert MetricsReader().read(PAGE).nodes == (
        NodeCounters(agent="a.py", node="n", revision=4, requests=7, reused_tokens=640),
    )


def test_a_page_without_an_engine_has_no_pool() -> None:
    metrics = MetricsReader().read("# TYPE nv_cpu_utilization gauge\nnv_cpu_utilization 0.1\n")
    assert metrics.kv_pool is None and metrics.nodes == ()


def test_what_is_no_metrics_page_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"\S"):
        MetricsReader().read("<html>{</html>")


def test_follow_ups_are_counted_by_what_became_of_them_over_all_revisions() -> None:
    page = """# TYPE charter_restamps_total counter
charter_restamps_total{agent="",outcome="sent",revision="1"} 3
charter_restamps_total{agent="",outcome="sent",revision="2"} 2
charter_restamps_total{agent="",outcome="busy",revision="2"} 1
"""
    assert MetricsReader().read(page).refreshes == {"sent": 5, "busy": 1}
    assert MetricsReader().read("").refreshes == {}


def test_what_charter_bls_answered_is_counted_with_what_it_refused() -> None:
    page = """nv_inference_request_success{model="charter_bls",version="1"} 21
nv_inference_request_success{model="tensorrt_llm",version="1"} 400
nv_inference_request_failure{model="charter_bls",reason="OTHER",version="1"} 2
nv_inference_request_failure{model="charter_bls",reason="CANCELED",version="1"} 1
"""
    assert MetricsReader().read(page).answered == 24
    assert MetricsReader().read(PAGE).answered is None


def test_a_page_that_is_read_again_is_told_as_it_is_by_then() -> None:
    reader = MetricsReader()
    later = PAGE.replace('revision="4"} 7', 'revision="4"} 8')
    for page in (PAGE, PAGE, later, "nv_cpu_utilization 0.1\n", PAGE):
        assert reader.read(page) == MetricsReader().read(page)
