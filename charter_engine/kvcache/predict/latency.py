"""How long requests take, assumed from first principles or calibrated on measured
requests."""

from typing import Final

from msgspec import Struct

from charter_engine.contracts.latency import LatencyModel

__all__ = [
    "DEVICES",
    "MODELS",
    "Device",
    "LatencyModel",
    "ModelShape",
    "from_first_principles",
]


class ModelShape(Struct, frozen=True, kw_only=True):
    """What of a transformer decides its times and memory. `flops_per_token` is without
    attention."""

    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    flops_per_token: float
    weight_bytes: float
    kv_value_bytes: int = 2

    @property
    def kv_bytes_per_token(self) -> int:
        """Keys and values of one token in all layers."""
        return 2 * self.layers * self.kv_heads * self.head_dim * self.kv_value_bytes

    @property
    def attention_flops(self) -> float:
        """Per token computed and token of context before it."""
        return 4.0 * self.layers * self.heads * self.head_dim


class Device(Struct, frozen=True, kw_only=True):
    """A GPU: the arithmetic that prefill reaches, the bandwidths of its memory and of the link to
    the host, and what an iteration takes beside reading, in kernels too small to fill it."""

    flops_per_s: float
    memory_bytes_per_s: float
    host_link_bytes_per_s: float
    iteration_s: float


MODELS: Final = {
    "llama-3.1-8b": ModelShape(
        layers=32, heads=32, kv_heads=8, head_dim=128, flops_per_token=13.96e9, weight_bytes=16.06e9
    ),
    "llama-3.1-8b-fp8-kv": ModelShape(
        layers=32,
        heads=32,
        kv_heads=8,
        head_dim=128,
        flops_per_token=13.96e9,
        weight_bytes=16.06e9,
        kv_value_bytes=1,
    ),
}
DEVICES: Final = {
    "h100": Device(
        flops_per_s=540e12,
        memory_bytes_per_s=2.92e12,
        host_link_bytes_per_s=53.7e9,
        iteration_s=1.8e-3,
    ),
    "h200": Device(
        flops_per_s=558e12,
        memory_bytes_per_s=4.17e12,
        host_link_bytes_per_s=53.8e9,
        iteration_s=1.8e-3,
    ),
}
"""What PyTorch's own kernels reached with an 8B model in bf16 (`bench_gpu_times.py`)."""


def from_first_principles(model: str = "llama-3.1-8b", device: str = "h100") -> LatencyModel:
    """What arithmetic and memory take at a device's rates: *assumed*, as no server was asked.
    Raises KeyError for unknown names."""
    shape, gpu = MODELS[model], DEVICES[device]
    return LatencyModel(
        prefill_per_token=1e3 * shape.flops_per_token / gpu.flops_per_s,
        prefill_per_pair=1e3 * shape.attention_flops / gpu.flops_per_s,
        least_iteration=1e3 * (shape.weight_bytes / gpu.memory_bytes_per_s + gpu.iteration_s),
        decode_per_context=1e3 * shape.kv_bytes_per_token / gpu.memory_bytes_per_s,
        onboard_per_token=1e3 * shape.kv_bytes_per_token / gpu.host_link_bytes_per_s,
        label="assumed",
        source=f"{model} on {device}, from FLOP and bandwidth",
    )
