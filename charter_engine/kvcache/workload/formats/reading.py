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
    """A reader that takes many records at once.

    `line` is what `decode` makes of a line: a record whose lists of ids may be as they are written.
    """

    row: Any
    line: Any

    def decode(self, lines: bytes) -> Sequence[Any]:
        """See `Reader`."""
        found: list[Any] = msgspec.json.Decoder(self.line).decode_lines(lines)
        return found

    def places_of_requests(self, rows: Sequence[Any]) -> Sequence[int]:
        """Which of some records are requests; others are passed over."""
        return range(len(rows))

    def columns(self, rows: Sequence[Any]) -> RequestColumns:
        """The requests of some records, one each. Raises ValueError for lists of ids that only
        `row` tells what is wrong with, and OverflowError for numbers beyond all sense."""
        raise NotImplementedError

    def usable(self, rows: Sequence[Any]) -> tuple[RequestColumns, Sequence[Any], dict[int, str]]:
        """The requests among some records that can be used, the records of these, and what is
        wrong with others, by their places."""
        places = self.places_of_requests(rows)
        requests = rows if len(places) == len(rows) else [rows[index] for index in places]
        batch = self.columns(requests)
        problems = batch.problems()
        if not problems:
            return batch, requests, {}
        kept = [row for index, row in enumerate(requests) if index not in problems]
        told = {places[index]: problem for index, problem in problems.items()}
        return batch.without(problems), kept, told

    def take(self, rows: Sequence[Any], builder: WorkloadBuilder) -> dict[int, str]:
        """See `Reader`."""
        batch, _, problems = self.usable(rows)
        builder.extend(batch)
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
