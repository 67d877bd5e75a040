"""What the formats of requests have in common."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import msgspec
from msgspec import Struct

from charter_engine.kvcache.workload.batch import RequestColumns
from charter_engine.kvcache.workload.columns import WorkloadBuilder

MS_PER_UNIT = {"ms": 1.0, "s": 1000.0}


class ReadOptions(Struct, frozen=True, kw_only=True):
    """What a file does not say of itself.

    `block_tokens` and `time_unit` win over what its format stands for. `tokenize` turns text into
    token ids; `tokenizer` says in a report whose it is.
    """

    block_tokens: int | None = None
    time_unit: Literal["ms", "s"] | None = None
    tokenize: Callable[[str], Sequence[int]] | None = None
    tokenizer: str = "a tokenizer"


BY_FORMAT = ReadOptions()
"""For a file that says all of itself."""


class Reader(Protocol):
    """Reads the records of one file, each decoded as `row`."""

    row: Any

    def decode(self, lines: bytes) -> Sequence[Any]:
        """The records of some lines, one a line. Raises msgspec.MsgspecError."""

    def take(self, rows: Sequence[Any], builder: WorkloadBuilder) -> dict[int, str]:
        """Add requests. Gives what is wrong with records that cannot be used, by their places.

        Raises ValueError or OverflowError, with nothing added, where it takes all or none.
        """

    def finish(self, builder: WorkloadBuilder) -> None:
        """Add what only the whole file tells."""


class BatchReader:
    """A reader that takes many records at once."""

    row: Any

    def decode(self, lines: bytes) -> Sequence[Any]:
        """See `Reader`."""
        found: list[Any] = msgspec.json.Decoder(self.row).decode_lines(lines)
        return found

    def columns(self, rows: Sequence[Any]) -> RequestColumns:
        """The requests of some records, one each. Raises OverflowError for numbers beyond all
        sense."""
        raise NotImplementedError

    def take(self, rows: Sequence[Any], builder: WorkloadBuilder) -> dict[int, str]:
        """See `Reader`."""
        batch = self.columns(rows)
        problems = batch.problems()
        builder.extend(batch.without(problems) if problems else batch)
        return problems

    def finish(self, builder: WorkloadBuilder) -> None:
        """See `Reader`."""


class RecordReader:
    """A reader that takes one record after another."""

    row: Any = dict[str, Any]

    def decode(self, lines: bytes) -> Sequence[Any]:
        """See `Reader`."""
        found: list[Any] = msgspec.json.Decoder(self.row).decode_lines(lines)
        return found

    def read(self, row: Any, builder: WorkloadBuilder) -> None:
        """Add the requests of a record. Raises ValueError for one that cannot be used."""
        raise NotImplementedError

    def take(self, rows: Sequence[Any], builder: WorkloadBuilder) -> dict[int, str]:
        """See `Reader`."""
        problems = {}
        for index, row in enumerate(rows):
            try:
                self.read(row, builder)
            except (ValueError, OverflowError) as error:
                problems[index] = str(error)
        return problems

    def finish(self, builder: WorkloadBuilder) -> None:
        """See `Reader`."""


@dataclass(frozen=True)
class Format:
    """A format by its name, how it is told from a file's first record, and how it is read."""

    name: str
    recognises: Callable[[Mapping[str, Any]], bool]
    reader: Callable[[ReadOptions], Reader]
