"""Every family on the page, by Prometheus' naming rules.

None has the name of one that `charter_bls` shows on Triton's page (`charter_node_…`,
`charter_restamps…`), so both can be scraped into one Prometheus.
"""

from typing import Final, Literal, NamedTuple

PREFIX: Final = "charter_engine_"
UNMATCHED: Final = "unmatched"
"""The label `node` of requests that belong to no node of the plan."""


class MetricDescription(NamedTuple):
    """A family of the page, named without its prefix."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()

    @property
    def whole_name(self) -> str:
        return PREFIX + self.name


OF_TRAFFIC = ("node", "source")

REQUESTS = MetricDescription(
    "requests", "counter", "Requests that ended.", (*OF_TRAFFIC, "outcome")
)
PROMPT_TOKENS = MetricDescription(
    "prompt_tokens", "counter", "Prompt tokens of answered requests.", OF_TRAFFIC
)
TOLD_TOKENS = MetricDescription(
    "told_prompt_tokens",
    "counter",
    "Prompt tokens of the requests whose reuse the server told: what a hit rate is of.",
    OF_TRAFFIC,
)
REUSED_TOKENS = MetricDescription(
    "reused_tokens", "counter", "Prompt tokens whose keys and values were reused.", OF_TRAFFIC
)
COMPUTED_TOKENS = MetricDescription(
    "computed_tokens", "counter", "Prompt tokens that were computed: what is paid.", OF_TRAFFIC
)
OUTPUT_TOKENS = MetricDescription("output_tokens", "counter", "Generated tokens.", OF_TRAFFIC)
REUSED_BLOCKS = MetricDescription(
    "reused_blocks", "counter", "Prompt blocks that were reused.", OF_TRAFFIC
)
MISSED_BLOCKS = MetricDescription(
    "missed_blocks", "counter", "Prompt blocks that were computed.", OF_TRAFFIC
)
TIME_TO_FIRST_TOKEN = MetricDescription(
    "time_to_first_token_seconds",
    "histogram",
    "From a request's arrival at the engine to its first token, as the server tells it.",
    OF_TRAFFIC,
)
REQUEST_TIME = MetricDescription(
    "request_seconds", "histogram", "From sending a request to its whole answer.", OF_TRAFFIC
)
QUEUE_TIME = MetricDescription(
    "queue_seconds",
    "histogram",
    "From a request's arrival at the engine to the first work on it, as the server tells it.",
    OF_TRAFFIC,
)
EVENTS = MetricDescription(
    "events", "counter", "What happened, as the console's log tells it.", ("kind", "level")
)
PROMPT_PARTS = MetricDescription(
    "prompt_parts_tokens",
    "counter",
    "Prompt tokens of what passed, by what became of them: reused, new, or computed again.",
    ("node", "part"),
)

TRITON_READY = MetricDescription(
    "triton_ready", "gauge", "1 while the server answers and is ready."
)
BREAKER = MetricDescription(
    "triton_breaker", "gauge", "1 for the state of Triton's circuit breaker.", ("state",)
)
TRITON_REQUESTS = MetricDescription(
    "triton_requests", "gauge", "Requests at the engine, as the server shows them.", ("state",)
)
KV_BLOCKS = MetricDescription(
    "kv_blocks",
    "gauge",
    "KV blocks as the server shows them; free ones may hold what can be reused.",
    ("state",),
)
KV_BLOCK_TOKENS = MetricDescription("kv_block_tokens", "gauge", "Tokens of a KV block.")
KV_BLOCK_BYTES = MetricDescription(
    "kv_block_bytes", "gauge", "Bytes of a KV block on each GPU, derived."
)
SERVER_PROMPT_TOKENS = MetricDescription(
    "server_prompt_tokens",
    "counter",
    "Prompt tokens by the server's own counters, whoever sent them.",
)
SERVER_REUSED_TOKENS = MetricDescription(
    "server_reused_tokens", "counter", "Of these, the tokens that were reused."
)
SERVER_BLOCKS = MetricDescription(
    "server_prompt_blocks",
    "counter",
    "Prompt blocks by the server's own counters: reused, or missed.",
    ("outcome",),
)
SERVER_EVICTED_TOKENS = MetricDescription(
    "server_evicted_tokens", "counter", "Cached tokens that the server says it evicted."
)
SERVER_PREEMPTIONS = MetricDescription(
    "server_preemptions", "counter", "Requests that the server put off for want of blocks."
)
TOTALS_SOURCE = MetricDescription(
    "node_totals_source",
    "gauge",
    "1 for where the console's totals of nodes come from: requests, or Triton's metrics page.",
    ("source",),
)
REVISION = MetricDescription(
    "live_revision", "gauge", "Number of the live revision; 0 is as found."
)
DRIFT = MetricDescription(
    "drift_fields", "gauge", "Fields of the deployment that others changed since the last push."
)
PREDICTED_HIT_RATIO = MetricDescription(
    "predicted_token_hit_ratio", "gauge", "Token hit rate that is predicted, 0 to 1.", ("plan",)
)

OF_GPU = ("gpu", "mig")
GPUS = MetricDescription(
    "gpus", "gauge", "GPUs that answer; those that were lost, or whose driver is silent, do not."
)
GPU_MEMORY = MetricDescription(
    "gpu_memory_bytes",
    "gauge",
    "What a GPU's memory holds; the parts add up to the whole.",
    (*OF_GPU, "part", "label"),
)
GPU_UTILIZATION = MetricDescription(
    "gpu_utilization_ratio",
    "gauge",
    "Share of time it was busy, 0 to 1.",
    (*OF_GPU, "of"),
)
GPU_POWER = MetricDescription("gpu_power_watts", "gauge", "Power drawn.", OF_GPU)
GPU_POWER_LIMIT = MetricDescription("gpu_power_limit_watts", "gauge", "Power it may draw.", OF_GPU)
GPU_TEMPERATURE = MetricDescription("gpu_temperature_celsius", "gauge", "Temperature.", OF_GPU)
GPU_CLOCK = MetricDescription(
    "gpu_sm_clock_hertz", "gauge", "Clock of its multiprocessors.", OF_GPU
)
GPU_HELD_BACK = MetricDescription(
    "gpu_held_back", "gauge", "1 for every reason why its clocks are lowered.", (*OF_GPU, "reason")
)
GPU_LINK = MetricDescription(
    "gpu_link_bytes_per_second", "gauge", "What passes a link.", (*OF_GPU, "link", "direction")
)
GPU_ECC_ERRORS = MetricDescription(
    "gpu_ecc_errors", "counter", "ECC errors since the driver was loaded.", (*OF_GPU, "kind")
)

CANARY_ALARM = MetricDescription(
    "canary_alarm", "gauge", "1 once reuse was found to change answers."
)
CANARY_REQUESTS = MetricDescription(
    "canary_requests", "counter", "Requests of the corruption canary."
)
CANARY_PAIRS = MetricDescription(
    "canary_pairs", "counter", "Answers compared with and without reuse."
)
CANARY_DIFFERING = MetricDescription(
    "canary_differing", "counter", "Of those, answers that differed."
)
RESIDENT_MEMORY = MetricDescription(
    "resident_memory_bytes", "gauge", "Memory of the engine and of what it started.", ("of",)
)
LOOP_LAG = MetricDescription(
    "event_loop_lag_seconds", "gauge", "How late the event loop was in the last second."
)
CONSOLES = MetricDescription("consoles", "gauge", "Consoles that watch.")
BACKLOG = MetricDescription(
    "bus_backlog_events", "gauge", "Events that wait for the slowest subscriber."
)
DROPPED = MetricDescription(
    "bus_dropped_subscribers", "counter", "Subscribers let go because they read too slowly."
)
RECORDING = MetricDescription("recording_bytes", "gauge", "Size of the recording being written.")
DATABASE = MetricDescription("database_bytes", "gauge", "Size of the database.")
NOT_KEPT = MetricDescription(
    "not_kept", "gauge", "1 for what should be kept and is not; the log says why.", ("what",)
)
BUILD = MetricDescription("build_info", "gauge", "1, with the version.", ("version",))

OF_REQUESTS: Final = (
    REQUESTS,
    PROMPT_TOKENS,
    TOLD_TOKENS,
    REUSED_TOKENS,
    COMPUTED_TOKENS,
    OUTPUT_TOKENS,
    REUSED_BLOCKS,
    MISSED_BLOCKS,
    TIME_TO_FIRST_TOKEN,
    REQUEST_TIME,
    QUEUE_TIME,
    EVENTS,
)
OF_STATES: Final = (
    PROMPT_PARTS,
    TRITON_READY,
    BREAKER,
    TRITON_REQUESTS,
    KV_BLOCKS,
    KV_BLOCK_TOKENS,
    KV_BLOCK_BYTES,
    SERVER_PROMPT_TOKENS,
    SERVER_REUSED_TOKENS,
    SERVER_BLOCKS,
    SERVER_EVICTED_TOKENS,
    SERVER_PREEMPTIONS,
    TOTALS_SOURCE,
    REVISION,
    DRIFT,
    PREDICTED_HIT_RATIO,
    GPUS,
    GPU_MEMORY,
    GPU_UTILIZATION,
    GPU_POWER,
    GPU_POWER_LIMIT,
    GPU_TEMPERATURE,
    GPU_CLOCK,
    GPU_HELD_BACK,
    GPU_LINK,
    GPU_ECC_ERRORS,
    CANARY_ALARM,
    CANARY_REQUESTS,
    CANARY_PAIRS,
    CANARY_DIFFERING,
    RESIDENT_MEMORY,
    LOOP_LAG,
    CONSOLES,
    BACKLOG,
    DROPPED,
    RECORDING,
    DATABASE,
    NOT_KEPT,
    BUILD,
)
CATALOGUE: Final = (*OF_REQUESTS, *OF_STATES)
