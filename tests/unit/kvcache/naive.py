"""A second block manager, written from the fact sheet alone: plain lists, linear scans, a deep copy
to undo.

Content is a path: a tuple of keys from the root. Who may be evicted is worked out anew after every
single change.
"""

from copy import copy, deepcopy
from dataclasses import dataclass, field

from charter_engine.kvcache import PoolSettings, Retention

GPU, HOST = 0, 1
Number = int | None
Key = tuple[tuple[tuple[int, int], ...], int | None, int | None, bool]
"""(token, extra id) pairs, LoRA task id, cache salt id, request came with extra ids."""
Path = tuple[Key, ...]


class NoRoom(Exception):
    pass


@dataclass(eq=False)
class Cell:
    """One block; `path` is where it is in the tree, `place` its turn among the candidates of its
    class."""

    id: int
    level: int
    users: int = 0
    busy: bool = False
    priority: int = 35
    duration: int | None = None
    deadline: float | None = None
    released: int = 0
    key: Key | None = None
    path: Path | None = None
    last_path: Path | None = None
    entered: int = 0
    place: int | None = None

    def __deepcopy__(self, copied: dict[int, object]) -> "Cell":
        """What it holds never changes, so that a copy of it may be a shallow one."""
        copied[id(self)] = other = copy(self)
        return other

    @property
    def content(self) -> Key:
        """The key of a cell in the tree."""
        assert self.key is not None
        return self.key

    @property
    def where(self) -> Path:
        """The path of a cell in the tree."""
        assert self.path is not None
        return self.path

    @property
    def idle(self) -> bool:
        return self.users == 0 and not self.busy


@dataclass
class Sequence:
    pairs: list[tuple[int, int]]
    lora: int | None
    salt: int | None
    flag: bool
    retention: Retention
    cells: list[Cell] = field(default_factory=list)

    def keys(self, tokens: int, size: int) -> list[Key]:
        pairs = self.pairs[:tokens]
        return [
            (tuple(pairs[i : i + size]), self.lora, self.salt, self.flag)
            for i in range(0, len(pairs), size)
        ]


class NaiveManager:
    def __init__(self, settings: PoolSettings) -> None:
        self.settings = settings
        self.cells = [Cell(i, GPU) for i in range(settings.gpu_blocks)]
        self.cells += [Cell(settings.gpu_blocks + i, HOST) for i in range(settings.host_blocks)]
        self.sequences: dict[int, Sequence] = {}
        self.now = 0.0
        self.ticks = 0
        self.events: list[tuple[object, ...]] = []
        self.total = self.new = 0
        self.settle()

    # order of eviction

    def tick(self) -> int:
        self.ticks += 1
        return self.ticks

    def children(self, path: Path) -> list[Cell]:
        found = [c for c in self.cells if c.path is not None and c.path[:-1] == path]
        return sorted(found, key=lambda cell: cell.entered)

    def may_go(self, cell: Cell) -> bool:
        if not cell.idle:
            return False
        if self.settings.eviction == "flat" or cell.path is None:
            return True
        return not any(
            child.idle and child.level <= cell.level for child in self.children(cell.path)
        )

    def settle(self, *first: Cell) -> None:
        """Candidates that are new go to the tail; `first`, the blocks that changed, before all
        others."""
        for cell in [*first, *self.cells]:
            if not self.may_go(cell):
                cell.place = None
            elif cell.place is None:
                cell.place = self.tick()

    def next_victim(self, level: int) -> Cell | None:
        candidates = [c for c in self.cells if c.level == level and c.place is not None]
        return min(candidates, key=lambda c: (c.priority, c.place), default=None)

    def claim(self, cell: Cell) -> None:
        cell.busy = True
        cell.deadline = None
        self.settle()

    def become_idle(self, cell: Cell, front: bool = False) -> None:
        cell.busy = False
        cell.users = 0
        self.settle(cell)
        if front and cell.place is not None:
            cell.place = -self.tick()
        if cell.duration is not None and cell.priority != 35:
            cell.deadline = self.now + cell.duration
            cell.released = self.tick()

    def refresh(self) -> None:
        due = [
            c for c in self.cells if c.idle and c.deadline is not None and c.deadline <= self.now
        ]
        for cell in sorted(due, key=lambda c: (c.deadline, c.released)):
            cell.deadline = None
            cell.priority = 35
            if cell.place is not None:
                cell.place = self.tick()

    # taking blocks

    def family(self, cell: Cell) -> list[Cell]:
        assert cell.path is not None
        return [cell] + [one for child in self.children(cell.path) for one in self.family(child)]

    def take(self, priority: int, duration: int | None) -> Cell:
        victim = self.next_victim(GPU)
        if victim is None:
            raise NoRoom
        self.total += 1
        self.new += victim.key is None
        spare = self.next_victim(HOST)
        if (
            victim.key is not None
            and victim.priority >= self.settings.offload_min_priority
            and spare is not None
        ):
            self.claim(victim)
            victim.level, spare.level = HOST, GPU
            spare.place = None
            victim.duration = None
            if victim.path is not None:
                self.events.append(("moved", victim.path, GPU, HOST))
            spare.busy = True
            self.become_idle(victim)
            victim = spare
            self.settle()
        self.claim(victim)
        if victim.path is not None:
            family = self.family(victim)
            for cell in reversed(family):
                self.events.append(("removed", cell.path))
                if not cell.idle and self.settings.eviction == "leaf":
                    cell.priority, cell.duration = priority, duration
            for cell in family:
                cell.path = None
            self.settle(*family)
        victim.priority, victim.duration = priority, duration
        return victim

    def restore(self, cell: Cell) -> None:
        spare = self.take(35, None)
        cell.level, spare.level = GPU, HOST
        self.events.append(("moved", cell.last_path, HOST, GPU))
        self.become_idle(spare)

    # looking up

    def match(self, path: Path, key: Key) -> tuple[Cell | None, int]:
        size = self.settings.tokens_per_block
        for cell in self.children(path):
            if cell.key == key:
                return cell, len(key[0])
        if not self.settings.partial_reuse:
            return None, 0
        best, longest = None, 0
        same_flag_first = sorted(self.children(path), key=lambda cell: cell.content[3] != key[3])
        for cell in same_flag_first:
            pairs, lora, salt, _ = cell.content
            if (lora, salt) != key[1:3]:
                continue
            if not self.settings.copy_on_partial_reuse and (
                not cell.idle or self.children(cell.where)
            ):
                continue
            run = 0
            while run < min(len(pairs), len(key[0]), size) and pairs[run] == key[0][run]:
                run += 1
            if run > longest:
                best, longest = cell, run
        return best, longest

    def lookup(
        self,
        tokens: list[int],
        lora: Number = None,
        extra: list[int] | None = None,
        salt: Number = None,
    ) -> tuple[int, list[int]]:
        size = self.settings.tokens_per_block
        sequence = Sequence(
            list(zip(tokens, extra or [0] * len(tokens), strict=True)),
            lora,
            salt,
            extra is not None,
            Retention(),
        )
        path: Path = ()
        total = 0
        levels: list[int] = []
        for key in sequence.keys(max(0, len(tokens) - 1), size) if self.settings.reuse else []:
            cell, run = self.match(path, key)
            if cell is None:
                break
            total += run
            levels.append(cell.level)
            if cell.key != key or run < size:
                break
            path = cell.where
        return total, levels

    # what a request does

    def add(
        self,
        request_id: int,
        tokens: list[int],
        lora: Number = None,
        extra: list[int] | None = None,
        salt: Number = None,
        retention: Retention | None = None,
    ) -> tuple[int, ...]:
        """Reused tokens, reused, missed, allocated in all, allocated blank."""
        pairs = list(zip(tokens, extra or [0] * len(tokens), strict=True))
        sequence = Sequence(pairs, lora, salt, extra is not None, retention or Retention())
        before = deepcopy(self.__dict__)
        try:
            return self.admit(request_id, sequence, retention)
        except NoRoom:
            self.__dict__ = before
            raise

    def admit(
        self, request_id: int, sequence: Sequence, retention: Retention | None
    ) -> tuple[int, ...]:
        size, length = self.settings.tokens_per_block, len(sequence.pairs)
        total, new = self.total, self.new
        count = -(-length // size)
        wanted = (retention or Retention()).per_block(size, length)
        self.sequences[request_id] = sequence
        tokens = reused = missed = 0
        if not self.settings.reuse:
            for _ in range(count):
                self.grow(sequence)
            return 0, 0, 0, self.total - total, self.new - new
        keys = sequence.keys(length - 1, size)
        path: Path | None = ()
        for index in range(count):
            key = keys[index] if index < len(keys) else None
            priority, duration = wanted[index]
            cell, run = self.match(path, key) if path is not None and key is not None else (None, 0)
            if cell is None:
                path = None
                missed += 1
                cell = self.take(35 if priority is None else priority, duration)
                cell.key = key
            else:
                assert key is not None
                assert path is not None
                tokens += run
                reused += 1
                if priority is not None and priority != cell.priority:
                    self.events.append(("priority", cell.path, cell.priority, priority))
                full = cell.key == key and run == size
                path = (*path, key) if full else None
                if not full and (not cell.idle or self.children(cell.where)):
                    cell = self.take(cell.priority, cell.duration)
                    if self.settings.eviction == "flat":
                        cell.key = key
                else:
                    self.claim(cell)
                    cell.priority = cell.priority if priority is None else priority
                    cell.duration = duration
                    if cell.level == HOST:
                        self.restore(cell)
                    if not full:
                        cell.path = None
                        self.settle()
            cell.users += 1
            cell.busy = False
            sequence.cells.append(cell)
        return tokens, reused, missed, self.total - total, self.new - new

    def grow(self, sequence: Sequence) -> None:
        cell = self.take(sequence.retention.decode_priority, sequence.retention.decode_duration_ms)
        cell.users, cell.busy = 1, False
        sequence.cells.append(cell)

    def append(self, request_id: int, tokens: list[int]) -> None:
        before = deepcopy(self.__dict__)
        sequence = self.sequences[request_id]
        try:
            for token in tokens:
                if len(sequence.pairs) % self.settings.tokens_per_block == 0:
                    self.grow(sequence)
                sequence.pairs.append((token, 0))
        except NoRoom:
            self.__dict__ = before
            raise

    def drop(self, cell: Cell, front: bool = False) -> None:
        cell.users -= 1
        if cell.users == 0:
            self.become_idle(cell, front)

    def rewind(self, request_id: int, n: int) -> None:
        sequence = self.sequences[request_id]
        for _ in range(n):
            sequence.pairs.pop()
            if len(sequence.pairs) % self.settings.tokens_per_block == 0:
                self.drop(sequence.cells.pop(), front=True)

    def store(self, sequence: Sequence, tokens: int) -> None:
        path: Path = ()
        entered: list[Cell] = []
        for cell, key in zip(
            sequence.cells, sequence.keys(tokens, self.settings.tokens_per_block), strict=False
        ):
            if entered or not any(child.key == key for child in self.children(path)):
                if cell.path is not None:
                    break
                cell.key, cell.path, cell.entered = key, (*path, key), self.tick()
                cell.last_path = cell.path
                entered.append(cell)
            path = (*path, key)
        if entered:
            blocks = tuple((cell.where, cell.level, cell.priority) for cell in entered)
            self.events.append(("stored", entered[0].where[:-1], blocks))

    def store_context(self, request_id: int) -> None:
        sequence = self.sequences[request_id]
        size = self.settings.tokens_per_block
        if self.settings.reuse:
            self.store(sequence, (len(sequence.pairs) - 1) // size * size)

    def finish(self, request_id: int, keep_tokens: Number = None) -> None:
        sequence = self.sequences.pop(request_id)
        kept = len(sequence.pairs) if keep_tokens is None else keep_tokens
        if self.settings.reuse:
            self.store(sequence, max(0, kept - 1))
        for cell in reversed(sequence.cells):
            self.drop(cell)

    def set_priority(self, request_id: int, index: int, priority: int) -> None:
        self.sequences[request_id].cells[index].priority = priority

    def drain_events(self) -> list[tuple[object, ...]]:
        """Consecutive removals as one."""
        merged: list[tuple[object, ...]] = []
        for event in self.events:
            if event[0] == "removed" and merged and merged[-1][0] == "removed":
                merged[-1] = (*merged[-1], event[1])
            else:
                merged.append(event)
        self.events = []
        return merged

    def free(self, level: int) -> int:
        return sum(1 for cell in self.cells if cell.level == level and cell.users == 0)
