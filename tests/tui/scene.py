"""Canned records of a session, as an engine would send them.

Its agent has the three calls of a document processor.
"""

from typing import Any

from msgspec.structs import replace

from charter_engine.contracts.costs import RunCost, Verdict
from charter_engine.contracts.deploy import Change, CostClass, Diff, Profile, Revision
from charter_engine.contracts.gauges import (
    Draft,
    Event,
    Gpu,
    Host,
    Marker,
    Nodes,
    Replay,
    Run,
    Runs,
    Session,
    Triton,
)
from charter_engine.contracts.gpu import GpuProcess, GpuSample, GpuStatus
from charter_engine.contracts.graph import Call, CompiledFile, Dependency, Segment
from charter_engine.contracts.live import (
    HostSample,
    KvPool,
    NodeStats,
    RunProgress,
    TritonSample,
)
from charter_engine.contracts.plan import (
    Alternative,
    NodePlan,
    Plan,
    Reason,
    SegmentRange,
    ServerSettings,
)
from charter_engine.contracts.prediction import Bracket, NodePrediction, Prediction
from charter_engine.contracts.runs import RunSummary
from charter_engine.contracts.series import Tick
from charter_engine.monitor.memory_split import Serving, memory_split

START = 1_790_000_000.0
AGENT = "/home/operator/agents/document_processor.py"
ENTITIES = "DocumentProcessor.process:entities"
VALIDATED = "DocumentProcessor.process:validated"
CLASSIFICATION = "DocumentProcessor.process:classification"
SYSTEM = Segment(
    kind="static",
    text="You are an expert document analyst. You extract entities, "
    "validate them against the source and classify documents. Answer with JSON only.\n",
    role="system",
    tokens=41,
    tokens_label="measured",
)
DOCUMENT = Segment(kind="variable", name="document", expression="document")


def _task(text: str, tokens: int) -> Segment:
    return Segment(kind="static", text=text, tokens=tokens, tokens_label="measured")


def _upstream(name: str, call: str) -> Segment:
    return Segment(kind="upstream", name=name, call=call, carried="data", tokens=180)


CALLS = (
    Call(
        id=ENTITIES,
        path=AGENT,
        line=31,
        end_line=34,
        function="DocumentProcessor.process",
        output="entities",
        segments=(
            SYSTEM,
            _task(
                "List all named entities as JSON by people, organisations, dates, locations.", 24
            ),
            DOCUMENT,
        ),
    ),
    Call(
        id=VALIDATED,
        path=AGENT,
        line=36,
        end_line=39,
        function="DocumentProcessor.process",
        output="validated",
        segments=(
            SYSTEM,
            _task("Mark every entity verified, uncertain or incorrect.", 15),
            _upstream("entities", ENTITIES),
            DOCUMENT,
        ),
        depends_on=(Dependency(ENTITIES),),
    ),
    Call(
        id=CLASSIFICATION,
        path=AGENT,
        line=41,
        end_line=44,
        function="DocumentProcessor.process",
        output="classification",
        segments=(
            SYSTEM,
            _task("Give document type, primary topic, confidence and key insights.", 17),
            DOCUMENT,
            _upstream("validated", VALIDATED),
        ),
        depends_on=(Dependency(VALIDATED),),
    ),
)
PLAN = Plan(
    agent=AGENT,
    server=ServerSettings(tokens_per_block=32, enable_kv_cache_reuse=True),
    nodes={ENTITIES: NodePlan(retention=(SegmentRange(last=1, priority=90),))},
)
PROFILE = Profile(
    path="engine",
    server_version="2.51.0",
    models=("charter_bls", "tensorrt_llm"),
    charter_bls=True,
    retention=True,
    kv_stats=True,
    times=True,
    load_unload=True,
    repository_files=True,
    tokens_per_block=32,
    parameters={"kv_cache_free_gpu_mem_fraction": "0.9"},
)


def prediction(rate: float, ttft: float) -> Prediction:
    nodes = tuple(
        NodePrediction(
            node=call.id,
            requests=12,
            prompt_tokens=9000,
            reused_tokens=round(9000 * rate),
            ttft_ms=ttft,
        )
        for call in CALLS
    )
    return Prediction(
        settings={"tokens_per_block": 32},
        requests=36,
        prompt_tokens=27_000,
        token_hit_rate=rate,
        block_hit_rate=rate - 0.02,
        reused_blocks=round(840 * rate),
        missed_blocks=840 - round(840 * rate),
        evictions_by_priority={35: 12},
        peak_blocks=212,
        memory_bytes=212 * 4_194_304,
        ttft_ms_mean=ttft,
        ttft_ms_p95=ttft * 1.8,
        makespan_ms=ttft * 60,
        times_label="predicted",
        nodes=nodes,
        bracket=Bracket(rate - 0.05, 0.91),
        bound=0.88,
    )


SESSION = Session(
    engine_version="0.1.0",
    phase="ready",
    agent=AGENT,
    compiled=CompiledFile(path=AGENT, calls=CALLS),
    plan=PLAN,
    revision=3,
    profile=PROFILE,
    predicted=prediction(0.31, 210.0),
    notice="The embedded engine's weights are random: its text means nothing; "
    "its reuse and times are real.",
)
CALLED_BY_HAND = replace(
    SESSION,
    compiled=CompiledFile(
        path=AGENT,
        calls=tuple(
            replace(call, name="second look") if call.id == VALIDATED else call for call in CALLS
        ),
    ),
)
"""The same agent, one of whose calls has a name that its id does not tell."""
NODES = Nodes(
    (
        NodeStats(
            node=ENTITIES,
            state="done",
            requests=12,
            prompt_tokens=9_214,
            told_tokens=9_214,
            reused_tokens=768,
            reused_blocks=24,
            total_blocks=294,
            ttft_ms_last=188.0,
            ttft_ms_mean=204.4,
            ttft_ms_p95=377.0,
        ),
        NodeStats(
            node=VALIDATED,
            state="running",
            requests=11,
            prompt_tokens=10_120,
            told_tokens=10_120,
            reused_tokens=704,
            reused_blocks=22,
            total_blocks=322,
            ttft_ms_last=240.0,
            ttft_ms_mean=251.9,
            ttft_ms_p95=402.3,
        ),
        NodeStats(node=CLASSIFICATION, state="waiting"),
    )
)
TRITON = Triton(
    TritonSample(
        health="ready",
        url="127.0.0.1:8000",
        version="2.51.0",
        models={"charter_bls": "ready", "tensorrt_llm": "ready"},
        kv_pool=KvPool(
            max_blocks=1024,
            free_blocks=716,
            used_blocks=308,
            tokens_per_block=32,
            reused_blocks=46,
            bytes_per_block=65_536,
        ),
        active_requests=1,
        waiting_requests=0,
    )
)
NO_GPU = Gpu(
    GpuStatus(reason="No NVIDIA driver on this machine, so there is no GPU memory to show.")
)
GPU = Gpu(
    GpuStatus(
        gpus=(
            GpuSample(
                index=0,
                name="NVIDIA H100 80GB HBM3",
                memory_total_bytes=85_520_809_984,
                memory_used_bytes=61_203_283_968,
                utilization=0.87,
                temperature_c=61,
                power_w=512.4,
            ),
        )
    )
)
KV_BLOCK_BYTES = 32 * 128 * 1024
"""Thirty-two tokens of an 8B model in 16 bits."""

SERVING_SAMPLE = GpuSample(
    index=0,
    name="NVIDIA H100 80GB HBM3",
    mig_enabled=False,
    memory_total_bytes=85_520_809_984,
    memory_used_bytes=74_625_056_768,
    memory_free_bytes=10_392_436_736,
    memory_reserved_bytes=503_316_480,
    utilization=0.97,
    memory_utilization=0.3,
    temperature_c=68,
    slowdown_temperature_c=89,
    power_w=691.112,
    power_limit_w=700.0,
    sm_clock_mhz=1515,
    sm_clock_max_mhz=1980,
    slowdowns=("power limit",),
    pcie_sent_bytes=78_454_784,
    pcie_received_bytes=5_640_640_512,
    ecc_corrected=0,
    ecc_uncorrected=0,
    processes=(
        GpuProcess(
            pid=4711,
            name="tritonserver",
            user="triton",
            memory_bytes=73_014_444_032,
            serving=True,
        ),
        GpuProcess(pid=5150, memory_bytes=1_610_612_736),
    ),
)
SERVING_POOL = KvPool(
    max_blocks=12_800,
    free_blocks=9_100,
    used_blocks=3_700,
    tokens_per_block=32,
    bytes_per_block=KV_BLOCK_BYTES,
    held_blocks=10_100,
)
SERVING_GPU = Gpu(
    GpuStatus(
        gpus=(SERVING_SAMPLE,),
        driver="580.159.04",
        split=(
            memory_split(
                SERVING_SAMPLE,
                Serving(
                    pool=SERVING_POOL,
                    runtime_bytes=12_800 * KV_BLOCK_BYTES + 2_147_483_648,
                ),
            ),
        ),
    )
)
TWO_GPUS = Gpu(
    replace(
        SERVING_GPU.status,
        gpus=(SERVING_SAMPLE, replace(SERVING_SAMPLE, index=1, utilization=0.4, slowdowns=())),
        split=SERVING_GPU.status.split * 2,
    )
)
HOST = Host(
    HostSample(
        cpu_utilization=0.42,
        memory_total_bytes=16_777_216_000,
        memory_used_bytes=6_442_450_944,
        engine_rss_bytes=58_720_256,
        serving_rss_bytes=431_226_880,
    )
)
RUN = Run(
    RunProgress(
        run="r1",
        state="running",
        items_done=11,
        items_total=12,
        started_at=START,
        elapsed_ms=14_200,
        revision=3,
    )
)


def run_summary(number: int, **changes: Any) -> RunSummary:
    cost = RunCost(
        items=12,
        requests=36,
        computed_tokens=18_630,
        prompt_tokens=27_000,
        output_tokens=6_480,
        whole_ms=14_200.0,
        item_ms=2_310.0,
        ttft_ms=214.0,
        ttft_ms_p95=402.0,
    )
    return replace(
        RunSummary(
            number=number,
            run=f"r{number}",
            variant="plan",
            state="done",
            as_written=False,
            agent=AGENT,
            fingerprint="f",
            deployment="embedded",
            revision=3,
            started_at=START + number * 60,
            earlier=0,
            cost=cost,
        ),
        **changes,
    )


WRITTEN_RUN = run_summary(
    4,
    variant="baseline",
    as_written=True,
    cost=replace(
        run_summary(4).cost,
        computed_tokens=25_290,
        prompt_tokens=26_400,
        whole_ms=9_800.0,
        ttft_ms=251.0,
    ),
)
LIVE_RUN = run_summary(5)
FAILED_RUN = run_summary(6, state="failed", earlier=2, cost=RunCost(items=3, failures=2))
RUNS = Runs(
    (FAILED_RUN, LIVE_RUN, WRITTEN_RUN),
    as_written=4,
    live=5,
    verdict=Verdict("computes 26 % less, runs 45 % longer: not worth it here", worth=False),
)
NO_DRAFT = Draft(
    plan=PLAN,
    diff=Diff(base_revision=3),
    live_predicted=prediction(0.31, 210.0),
    items=12,
    at_once=2,
)
DRAFT_PLAN = replace(
    PLAN,
    server=replace(PLAN.server, tokens_per_block=16),
    nodes={
        **PLAN.nodes,
        VALIDATED: NodePlan(
            layout="prefix-first",
            order=(0, 3, 1, 2),
            retention=(SegmentRange(priority=80, duration_ms=30_000),),
            why={"layout": Reason("the document is shared with the call before", "predicted")},
        ),
    },
    why={
        "tokens_per_block": Reason(
            "the shared prefix of 65 tokens fills four blocks of 16", "predicted"
        )
    },
    alternatives=(
        Alternative(
            settings={"tokens_per_block": 32},
            token_hit_rate=0.31,
            ttft_ms=210.0,
            memory_bytes=889_192_448,
            makespan_ms=12_600.0,
            computed_tokens=18_630,
            ttft_p95_ms=640.0,
            requests_per_s=3.17,
        ),
        Alternative(
            settings={"tokens_per_block": 16},
            token_hit_rate=0.42,
            ttft_ms=171.0,
            memory_bytes=889_192_448,
            chosen=True,
            makespan_ms=10_260.0,
            computed_tokens=15_660,
            ttft_p95_ms=520.0,
            requests_per_s=3.9,
        ),
    ),
)
DRAFT = Draft(
    plan=DRAFT_PLAN,
    diff=Diff(
        base_revision=3,
        cost="engine rebuild",
        changes=(
            Change(
                place="server",
                key="tokens_per_block",
                old="32",
                new="16",
                cost="engine rebuild",
                loses="the KV cache, and minutes of service",
            ),
            Change(
                place=VALIDATED,
                key="layout",
                old="source",
                new="prefix-first 0 3 1 2",
                cost="plan reload",
                loses="nothing",
            ),
            Change(
                place=VALIDATED,
                key="retention",
                old="default (35)",
                new="segments 0-end: 80 for 30000 ms",
                cost="plan reload",
                loses="nothing",
            ),
        ),
    ),
    predicted=prediction(0.42, 171.0),
    live_predicted=prediction(0.31, 210.0),
    verdict=Verdict("computes 16 % less, runs 19 % shorter: worth it", worth=True),
    items=12,
    at_once=2,
)
CHEAP_DRAFT = replace(
    DRAFT,
    diff=Diff(
        base_revision=3, cost="plan reload", changes=DRAFT.diff.changes[1:] if DRAFT.diff else ()
    ),
)


def _revision(number: int, note: str, cost: CostClass | None) -> Revision:
    return Revision(
        number=number,
        created_at=START + number * 600,
        deployment="127.0.0.1:8000",
        agent=AGENT,
        plan=PLAN,
        note=note,
        parent=number - 1 or None,
        cost=cost,
        state="live" if number == 3 else "superseded",
    )


REVISIONS = (
    _revision(1, "as found", None),
    _revision(2, "entities kept", "plan reload"),
    _revision(3, "reuse on", "engine reload"),
)
EVENTS: tuple[dict[str, Any], ...] = (
    {"kind": "engine", "text": "the engine is ready"},
    {"kind": "triton", "text": "Triton 2.51.0 is ready on 127.0.0.1:8000"},
    {"kind": "compile", "text": "3 calls in document_processor.py"},
    {"kind": "push", "text": "revision 3 is live"},
    {"kind": "run", "text": "a run over 12 documents"},
    {
        "kind": "failure",
        "text": "deadline exceeded, tried again",
        "level": "warning",
        "node": VALIDATED,
    },
)
TICKS = tuple(
    Tick(
        at=START - 60 + second,
        requests=2,
        prompt_tokens=1_600,
        computed_tokens=200 + 20 * (second % 50),
        ttft_ms=180.0 + 4 * (second % 40),
        pool_used=second / 100,
        waiting=0.0,
        gpu_utilization=0.55 + 0.01 * (second % 40),
        gpu_memory_used=0.7 + 0.002 * second,
    )
    for second in range(60)
)
REPLAY = Replay(
    path="/home/operator/demo.charter",
    start=START,
    end=START + 600,
    position=START + 150,
    markers=(
        Marker(START + 60, "run", "a run over 12 documents"),
        Marker(START + 300, "push", "revision 4 is live"),
        Marker(START + 420, "failure", "deadline exceeded"),
    ),
)
GAUGES = (SESSION, NODES, TRITON, NO_GPU, HOST, RUN, RUNS, NO_DRAFT)


def event(sequence: int, index: int) -> Event:
    return Event(sequence=sequence, at=START + sequence, **EVENTS[index % len(EVENTS)])
