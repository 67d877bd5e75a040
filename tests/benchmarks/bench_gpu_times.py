"""What prefill, decoding and the way back from host take on a real GPU, beside what first
principles say.

A transformer of Llama-3.1-8B's shape with random weights in bf16 is run by PyTorch's own kernels:
prefill of a prompt's tail behind a reused head, a decoding step of many requests, retention
refreshes alone and in such a step, KV blocks between pinned host memory and the GPU. Prints
medians, what is assumed of each, and the rates that the measured times come to. Needs PyTorch and a
CUDA GPU of 60 GB.

    python -m tests.benchmarks.bench_gpu_times [DEVICE [FILE.json]]
"""

import importlib
import importlib.util
import json
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

from msgspec import Struct, to_builtins

from charter_engine.contracts.latency import LatencyModel
from charter_engine.kvcache.predict.latency import MODELS, ModelShape, from_first_principles

torch: Any = importlib.import_module("torch") if importlib.util.find_spec("torch") else None

SHAPE = MODELS["llama-3.1-8b"]
HIDDEN, INNER, WORDS = 4_096, 14_336, 128_256
PREFILLS = (
    *((computed, 0) for computed in (64, 256, 1_024, 2_048, 4_096, 8_192, 16_384)),
    *((computed, 8_192) for computed in (64, 256, 1_024, 4_096, 8_192)),
    *((computed, 32_768) for computed in (64, 1_024, 8_192)),
)
"""Tokens computed, and tokens reused before them."""
DECODES = ((1, 1_024), (1, 8_192), (8, 8_192), (16, 1_024), (64, 1_024), (64, 4_096))
"""Requests that decode together, and the context of each."""
BESIDE = ((0, 0), (16, 4_096), (64, 4_096))
REFRESHES = ((1, 4_096), (64, 4_096), (1, 32_768), (64, 32_768))
"""Requests that decode beside a refresh, and the context of each; of the refresh the tokens
computed (at least one, at most a block) and those reused before them."""
BLOCK_TOKENS = 64
BLOCKS = (1, 16, 128, 512)
"""How many blocks come back from host at once."""

Cache: TypeAlias = list[tuple[Any, Any]]


class Measured(Struct, frozen=True):
    """The median time of one shape, and the one assumed."""

    what: str
    tokens: int
    context: int
    milliseconds: float
    assumed: float

    def line(self) -> str:
        ratio = self.milliseconds / self.assumed
        return (
            f"{self.what:<10}{self.tokens:>8,}{self.context:>8,}"
            f"{self.milliseconds:>11.3f}{self.assumed:>11.3f}{ratio:>8.2f}"
        )


class Refreshed(Struct, frozen=True):
    """What a refresh added to a step in which `requests` decode behind `context` tokens each, or
    took alone, in milliseconds; and what `refresh_cost` assumes of it, a step of its own."""

    requests: int
    context: int
    computed: int
    reused: int
    milliseconds: float
    assumed: float

    def line(self) -> str:
        beside = f"beside {self.requests} of {self.context:,}" if self.requests else "alone"
        return (
            f"refresh, {self.computed} behind {self.reused:,} {beside}:"
            f" {self.milliseconds:.3f} ms, assumed {self.assumed:.3f}"
        )


class Transformer:
    """The weights of all layers, and one pass through them."""

    def __init__(self, shape: ModelShape) -> None:
        self.shape = shape
        self.layers = [self._layer() for _ in range(shape.layers)]
        self.embedding = weights(WORDS, HIDDEN)
        self.head = weights(WORDS, HIDDEN)
        self.norm = weights(HIDDEN)

    def _layer(self) -> tuple[Any, ...]:
        heads = self.shape.heads + 2 * self.shape.kv_heads
        return (
            weights(HIDDEN),
            weights(heads * self.shape.head_dim, HIDDEN),
            weights(HIDDEN, HIDDEN),
            weights(HIDDEN),
            weights(2 * INNER, HIDDEN),
            weights(HIDDEN, INNER),
        )

    def cache(self, requests: int, tokens: int) -> Cache:
        """Keys and values of every layer, [requests, KV heads, tokens, head size]."""
        of = (requests, self.shape.kv_heads, tokens, self.shape.head_dim)
        return [(weights(*of), weights(*of)) for _ in self.layers]

    def forward(self, together: Sequence["Part"]) -> Any:
        """Logits of each request's last token, the parts' one after another: their tokens share
        every product with weights, and each part attends by itself."""
        functional = torch.nn.functional
        words = torch.cat([part.words.flatten() for part in together])
        sizes = [part.words.numel() for part in together]
        hidden = functional.embedding(words, self.embedding)
        for number, layer in enumerate(self.layers):
            before, projection, out, behind, up, down = layer
            heads = functional.linear(functional.rms_norm(hidden, (HIDDEN,), before), projection)
            attended = [
                self._attention(mine, part, *part.cache[number])
                for mine, part in zip(heads.split(sizes), together, strict=True)
            ]
            hidden = hidden + functional.linear(joined(attended), out)
            inner = functional.linear(functional.rms_norm(hidden, (HIDDEN,), behind), up)
            gate, linear = inner.chunk(2, dim=-1)
            hidden = hidden + functional.linear(functional.silu(gate).mul_(linear), down)
        last = joined(
            [
                mine.view(*part.words.shape, HIDDEN)[:, -1]
                for mine, part in zip(hidden.split(sizes), together, strict=True)
            ]
        )
        return functional.linear(functional.rms_norm(last, (HIDDEN,), self.norm), self.head)

    def _attention(self, heads: Any, part: "Part", keys: Any, values: Any) -> Any:
        """Of a part's new tokens to the context in `keys` and `values`, and to themselves.

        The two are attended to in turn, the context by all and the new tokens causally: the same
        arithmetic as that of a chunk of a prefill. A single new token counts as context.
        """
        requests, tokens = part.words.shape
        by_head = heads.view(requests, tokens, -1, self.shape.head_dim).transpose(1, 2)
        kv_heads = self.shape.kv_heads
        query, key, value = by_head.split((self.shape.heads, kv_heads, kv_heads), dim=1)
        query, key = turned(query, part.turn), turned(key, part.turn)
        attend = torch.nn.functional.scaled_dot_product_attention
        found = []
        if keys.shape[2]:
            found.append(attend(query, keys, values, enable_gqa=True))
        if tokens > 1:
            found.append(attend(query, key, value, is_causal=True, enable_gqa=True))
        attended = found[0] if len(found) == 1 else found[0] + found[1]
        return attended.transpose(1, 2).reshape(requests * tokens, HIDDEN)


class Part(Struct, frozen=True):
    """Requests of one length in a pass: their new tokens, [requests, tokens], what of each is
    cached, and the cosines and sines of the new positions."""

    words: Any
    cache: Cache
    turn: tuple[Any, Any]


def joined(tensors: list[Any]) -> Any:
    return tensors[0] if len(tensors) == 1 else torch.cat(tensors)


def weights(*shape: int) -> Any:
    return torch.empty(*shape, device="cuda", dtype=torch.bfloat16).normal_(std=0.02)


def turned(heads: Any, turn: tuple[Any, Any]) -> Any:
    """Heads with the positions of their tokens turned in."""
    cosines, sines = turn
    first, second = heads.chunk(2, dim=-1)
    return heads * cosines + torch.cat((-second, first), dim=-1) * sines


def median_ms(work: Callable[[], object], times: int = 7) -> float:
    """By CUDA events, after two rounds that warm up."""
    work()
    work()
    found = []
    for _ in range(times):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        work()
        end.record()
        end.synchronize()
        found.append(begin.elapsed_time(end))
    return float(statistics.median(found))


def passes(model: Transformer, assumed: LatencyModel) -> Iterator[Measured]:
    """Prefill, then decoding; each pass a CUDA graph, so that launching kernels costs nothing."""
    for computed, reused in PREFILLS:
        took = pass_ms(model, [part_of(model, 1, reused, computed)])
        expected = assumed.iteration_ms(assumed.prefill_ms(computed, reused))
        yield Measured("prefill", computed, reused, took, expected)
    for requests, context in DECODES:
        took = pass_ms(model, [part_of(model, requests, context, 1)])
        yield Measured("decode", requests, context, took, assumed.step_ms(requests * context))


def refreshes(model: Transformer, assumed: LatencyModel) -> Iterator[Refreshed]:
    """What a refresh adds to a step in which other requests decode, or takes alone."""
    for requests, context in BESIDE:
        others = [part_of(model, requests, context, 1)] if requests else []
        without = pass_ms(model, others) if others else 0.0
        for computed, reused in REFRESHES:
            together = pass_ms(model, [*others, part_of(model, 1, reused, computed)])
            expected = assumed.step_ms(reused + computed)
            yield Refreshed(requests, context, computed, reused, together - without, expected)
        del others


def part_of(model: Transformer, requests: int, reused: int, tokens: int) -> Part:
    size = model.shape.head_dim
    return Part(
        torch.randint(WORDS, (requests, tokens), device="cuda"),
        model.cache(requests, reused),
        (weights(tokens, size), weights(tokens, size)),
    )


def pass_ms(model: Transformer, together: list[Part]) -> float:
    """Of one pass over new tokens of all parts."""
    model.forward(together)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        model.forward(together)
    took = median_ms(graph.replay)
    graph.reset()
    torch.cuda.empty_cache()
    return took


def host_copies(shape: ModelShape, assumed: LatencyModel) -> Iterator[Measured]:
    """A copy for every block and way."""
    size = shape.kv_bytes_per_token * BLOCK_TOKENS
    on_host = torch.empty((max(BLOCKS), size), dtype=torch.uint8, pin_memory=True)
    on_gpu = torch.empty((max(BLOCKS), size), dtype=torch.uint8, device="cuda")
    for what, source, target in (
        ("onboard", on_host, on_gpu),
        ("offload", on_gpu, on_host),
    ):
        for count in BLOCKS:
            tokens = count * BLOCK_TOKENS
            took = median_ms(partial(copy_blocks, source[:count], target[:count]))
            yield Measured(what, tokens, 0, took, assumed.onboard_per_token * tokens)


def copy_blocks(source: Any, target: Any) -> None:
    for there, here in zip(target, source, strict=True):
        there.copy_(here, non_blocking=True)


def rates(shape: ModelShape, found: list[Measured]) -> Iterator[str]:
    """What the largest of each kind come to."""
    for each in found:
        seconds = each.milliseconds / 1e3
        if each.what == "prefill":
            pairs = each.tokens * (each.context + each.tokens / 2)
            flops = each.tokens * shape.flops_per_token + pairs * shape.attention_flops
            rate = f"{flops / seconds / 1e12:.0f} TFLOP/s"
            yield f"prefill {each.tokens:,} behind {each.context:,}: {rate}"
        elif each.what == "decode":
            read = shape.weight_bytes + each.tokens * each.context * shape.kv_bytes_per_token
            yield f"decode {each.tokens} of {each.context:,}: {read / seconds / 1e12:.2f} TB/s"
        else:
            moved = each.tokens * shape.kv_bytes_per_token
            yield f"{each.what} {each.tokens:,}: {moved / seconds / 1e9:.1f} GB/s"


def main() -> None:
    if torch is None or not torch.cuda.is_available():
        print("no PyTorch with a CUDA GPU here")
        return
    device = sys.argv[1] if len(sys.argv) > 1 else "h100"
    assumed = from_first_principles("llama-3.1-8b", device)
    print(f"{torch.cuda.get_device_name()}, PyTorch {torch.__version__}; assumed: {assumed.source}")
    print(f"{'':<10}{'tokens':>8}{'context':>8}{'measured':>11}{'assumed':>11}{'ratio':>8}  ms")
    found = []
    with torch.inference_mode():
        model = Transformer(SHAPE)
        for measured in chain(passes(model, assumed), host_copies(SHAPE, assumed)):
            found.append(measured)
            print(measured.line(), flush=True)
        print("\n".join(rates(SHAPE, found)))
        sent = []
        for refreshed in refreshes(model, assumed):
            sent.append(refreshed)
            print(refreshed.line(), flush=True)
    if len(sys.argv) > 2:
        Path(sys.argv[2]).write_text(json.dumps(to_builtins([*found, *sent]), indent=1))


if __name__ == "__main__":
    main()
