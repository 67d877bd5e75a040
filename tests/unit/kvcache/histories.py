"""Random histories of requests over small pools, and how one is played on a block manager."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from hypothesis import strategies as st

from charter_engine.kvcache import BlockManager, OutOfBlocks, PoolSettings, Retention, TokenRange

PRIORITIES = (0, 20, 30, 35, 35, 50, 100)
DURATIONS = (None, None, 5, 20)
DOCUMENTS = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3),
    (0, 1, 2, 3, 4, 5, 7, 7, 8, 9, 0, 1, 2, 3),
    (0, 1, 2, 9, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3),
    (5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5),
)
"""What prompts begin with: some share a start."""


@dataclass(frozen=True)
class Add:
    """A request to start."""

    tokens: list[int]
    lora: int | None = None
    salt: int | None = None
    extra: list[int] | None = None
    retention: Retention | None = None


def _retention(rng: Random) -> Retention | None:
    if rng.random() < 0.5:
        return None
    edges = sorted(rng.sample(range(14), rng.randint(0, 3)))
    ranges = [
        TokenRange(start, end, rng.choice(PRIORITIES), rng.choice(DURATIONS))
        for start, end in zip(edges, [*edges[1:], None], strict=False)
    ]
    return Retention(tuple(ranges), rng.choice(PRIORITIES), rng.choice(DURATIONS))


def _add(rng: Random) -> Add:
    tokens = list(rng.choice(DOCUMENTS)[: rng.randint(1, 14)])
    if rng.random() < 0.3:
        tokens[rng.randrange(len(tokens))] = rng.randint(0, 9)
    lora = rng.choice((None, None, None, None, 0, 1))
    salt = rng.choice((None, None, None, None, None, 7))
    extra = [rng.choice((0, 0, 0, 1)) for _ in tokens] if rng.random() < 0.15 else None
    return Add(tokens, lora, salt, extra, _retention(rng))


def operation(seed: int) -> Any:
    """The operation a number stands for; requests are named by their place among the running
    ones."""
    rng = Random(seed)
    which = rng.randrange(60)
    kind = rng.choices(
        ("add", "append", "store", "finish", "keep", "rewind", "priority", "wait"),
        (34, 12, 12, 30, 3, 4, 2, 5),
    )[0]
    match kind:
        case "add":
            return _add(rng)
        case "append":
            return kind, which, [rng.randint(0, 9) for _ in range(rng.randint(1, 5))]
        case "keep":
            return kind, which, rng.randint(0, 16)
        case "rewind":
            return kind, which, rng.randint(1, 4)
        case "priority":
            return kind, which, rng.randrange(60), rng.choice(PRIORITIES)
        case "wait":
            return kind, rng.randint(0, 12)
    return kind, which


HISTORIES = st.lists(st.integers(0, 2**32).map(operation), min_size=20, max_size=60)


@st.composite
def settings(draw: st.DrawFn, /, **fixed: Any) -> PoolSettings:
    """Small pools of all kinds; `fixed` pins fields."""
    values: dict[str, Any] = {
        "gpu_blocks": draw(st.integers(4, 12)),
        "tokens_per_block": draw(st.integers(2, 4)),
        "host_blocks": draw(st.sampled_from([0, 1, 3, 6])),
        "partial_reuse": draw(st.integers(0, 4)) > 0,
        "copy_on_partial_reuse": draw(st.integers(0, 3)) > 0,
        "offload_min_priority": draw(st.sampled_from([0, 30])),
        "eviction": draw(st.sampled_from(["leaf", "flat"])),
    }
    return PoolSettings(**{**values, **fixed})


@dataclass
class Step:
    """One thing done: to which request, with which answer, or refused."""

    op: Any
    request: int = -1
    answer: Any = None
    refused: bool = False


@dataclass
class Player:
    """Plays a history on a manager, and remembers what each running request is made of,
    and the one that finished last."""

    manager: BlockManager
    tokens: dict[int, list[int]] = field(default_factory=dict)
    adds: dict[int, Add] = field(default_factory=dict)
    finished: list[int] = field(default_factory=list)
    clock: float = 0
    _next: int = 0

    def play(self, history: list[Any]) -> Iterator[Step]:
        """Do one operation after the other; those that name a request do nothing while none is
        running."""
        for op in history:
            if isinstance(op, Add):
                yield self._add(op)
            elif op[0] == "wait":
                self.clock += op[1]
                self.manager.set_time(self.clock)
                self.manager.refresh()
                yield Step(op)
            elif self.tokens:
                yield self._on_request(op, sorted(self.tokens)[op[1] % len(self.tokens)])

    def _add(self, op: Add) -> Step:
        self._next += 1
        try:
            answer = self.manager.add(
                self._next, op.tokens, op.lora, op.extra, op.salt, op.retention
            )
        except OutOfBlocks:
            return Step(op, self._next, refused=True)
        self.tokens[self._next] = list(op.tokens)
        self.adds[self._next] = op
        return Step(op, self._next, answer)

    def _on_request(self, op: Any, request: int) -> Step:
        manager, tokens = self.manager, self.tokens[request]
        match op:
            case ("append", _, new):
                try:
                    manager.append(request, new)
                except OutOfBlocks:
                    return Step(op, request, refused=True)
                tokens += new
            case ("store", _):
                manager.store_context(request)
            case ("finish", _):
                manager.finish(request)
                self.finished = self.tokens.pop(request)
            case ("keep", _, kept):
                op = ("keep", request, min(kept, len(tokens)))
                manager.finish(request, op[2])
                del self.tokens[request]
            case ("rewind", _, n):
                n = min(n, len(tokens) - len(self.adds[request].tokens))
                op = ("rewind", request, n)
                try:
                    manager.rewind(request, n)
                except ValueError:
                    return Step(op, request, refused=True)
                del tokens[len(tokens) - n :]
            case ("priority", _, index, priority):
                op = ("priority", request, index % len(manager.block_ids(request)), priority)
                manager.set_priority(request, op[2], priority)
        return Step(op, request)
