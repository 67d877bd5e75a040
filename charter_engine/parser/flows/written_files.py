"""Files, and keys of stores, that a program writes and reads itself: answers go from call to call
through them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from charter_engine.parser.flows.edges import in_round
from charter_engine.parser.interpreting.frames import Frame, outermost
from charter_engine.parser.model_calls.recognise import CallShape
from charter_engine.parser.prompts.prompt_files import FILE, PATH, is_telling, name_of
from charter_engine.parser.values.origins import NOTHING, Chain, Origins
from charter_engine.parser.values.strings import answers_in
from charter_engine.parser.values.values import UNKNOWN, Box, Kind, Type, Value, moved

if TYPE_CHECKING:
    from charter_engine.parser.state import Analysis

WRITING = frozenset("write writelines write_text write_bytes".split())
READING = frozenset("read_text read_bytes".split())
LOADING = frozenset("load safe_load".split())
"""Functions that read a record out of an open file: `json.load(file)`."""

PARSING = LOADING | {"loads"}
"""Functions that make a record of its text: `json.loads(path.read_text())`."""

DEEPEST = 4
"""Records within records that are told apart by their fields."""

DUMPING = frozenset(("dump", "safe_dump", "print"))
"""Functions that write what they are given into a file that they are given."""

STORE = Kind("store")

KEY = "key "
"""What stands before the keys of stores among the names of files."""

KEEPING = frozenset("set setex setnx hset rpush lpush".split())
FETCHING = frozenset("get getex getdel hget hgetall lrange lindex lpop rpop".split())
"""Methods of a key-value store, whose first argument is the key."""

TELLING = frozenset("rpush lpush lrange".split())
"""Those by which a list is kept, as conversations are: what is set under a key that only the
running program knows may be there only to spare asking again."""

MODES = frozenset("wax+")
"""Letters of a mode in which a file is written."""

Start = tuple[str, int]


class Written(NamedTuple):
    """Answers that a place of the source put into a file at `path`, and where and in which round
    the analysis had started then."""

    path: str
    answers: Origins
    place: int
    start: Start
    round: int


class WrittenFiles:
    """Keeps the answers in files by the files' names.

    What a function reads before it writes it is of an earlier run of the program: only a function
    that nobody at hand calls may be called again.
    """

    def __init__(self, analysis: Analysis) -> None:
        self.memory = analysis.memory
        self.findings = analysis.findings
        self.progress = analysis.progress
        self.entries = analysis.entries
        self.written: dict[str, dict[Written, None]] = {}
        self.writers: dict[Start, set[int]] = {}
        self.readers: dict[Start, set[int]] = {}
        self.ordered: set[tuple[int, int]] = set()
        self.records: dict[str, dict[int, Value]] = {}

    def called(
        self, frame: Frame, node: ast.Call, receiver: Value, shape: CallShape
    ) -> Value | None:
        """What a call that reads a file gives, where the program wrote it; None for any other.
        What one writes is kept."""
        if not self.findings.are_judged:
            return None
        if shape.verb in WRITING and receiver.types & {PATH, FILE}:
            self.write(node, name_of(receiver), answers_in(shape))
            for value in shape.given[:1]:
                self.keep_record(node, name_of(receiver), record_told(value))
        elif shape.verb in DUMPING:
            for value in given_files(shape):
                self.write(node, name_of(value), answers_in(shape))
                self.keep_record(node, name_of(value), shape.given[0])
        elif shape.verb in PARSING and shape.positional:
            return self.parsed(shape.verb, shape.given[0])
        elif shape.verb in KEEPING and STORE in receiver.types:
            self.write(node, key_in(shape), answers_in(shape))
        elif shape.verb in READING and PATH in receiver.types:
            return self.text_in(name_of(receiver), self.read(frame, node, name_of(receiver)))
        elif shape.verb == "read" and FILE in receiver.types:
            return self.text_in(name_of(receiver), receiver.origins)
        elif shape.verb in FETCHING and STORE in receiver.types:
            return self.found(frame, node, key_in(shape))
        return None

    def found(self, frame: Frame, node: ast.Call, path: str) -> Value | None:
        origins = self.read(frame, node, path)
        return Value(origins=origins) if origins else None

    def text_in(self, path: str, answers: Origins) -> Value | None:
        """The text of a file that holds answers, with the record that it tells, if known."""
        if not answers:
            return None
        record = self.record_in(path, answers)
        return Value(origins=answers) if record is None else text_of_record(record, answers)

    def parsed(self, verb: str, given: Value) -> Value | None:
        """The record in an open file, or that a text tells."""
        if FILE in given.types:
            return self.record_in(name_of(given), given.origins) if verb in LOADING else None
        record = record_told(given)
        return record if record.box is not None else None

    def opened(self, frame: Frame, node: ast.Call, file: Value) -> Value:
        """An open file, with the answers that it holds."""
        if FILE not in file.types or not self.findings.are_judged or is_written(node):
            return file
        return file.with_origins(self.read(frame, node, name_of(file)))

    def write(self, node: ast.expr, path: str, given: Origins) -> None:
        """Keep the answers that go into a file at a place of the source."""
        answers = moved(Value(origins=given), "attribute").origins
        if not path or not answers:
            return
        start = self.progress.path, self.progress.line
        self.writers.setdefault(start, set()).add(id(node))
        self.ordered |= {(id(node), reader) for reader in self.readers.get(start, ())}
        kept = self.written.setdefault(PurePath(path).name, {})
        added = Written(path, answers, id(node), start, self.progress.round)
        if added not in kept:
            self.memory.changes += 1
            kept[added] = None

    def keep_record(self, node: ast.expr, path: str, dumped: Value) -> None:
        """Keep the record that a place of the source dumps into a file, by its fields."""
        box = dumped.box
        is_known = box is not None and (box.rest is None or box.keys is not None)
        held = dumped if box is not None and box.kind == "dict" and is_known else UNKNOWN
        self.records.setdefault(PurePath(path).name, {})[id(node)] = held

    def record_in(self, path: str, answers: Origins) -> Value | None:
        """The record in a file that may hold these answers, where one place alone dumps one into
        it; None for any other file."""
        name = PurePath(path).name
        places = {one.place for one in self.written.get(name, ())}
        records = self.records.get(name, {})
        if not answers or places != records.keys() or len(places) != 1:
            return None
        (record,) = records.values()
        return replace(found_in(record, answers), source=None) if record.box else None

    def read(self, frame: Frame, node: ast.Call, path: str) -> Origins:
        """The answers in a file at the place that a call reads it."""
        if not path:
            return NOTHING
        start = self.progress.path, self.progress.line
        self.readers.setdefault(start, set()).add(id(node))
        self.ordered |= {(writer, id(node)) for writer in self.writers.get(start, ())}
        return frozenset(
            origin
            for one in self.written_under(path)
            for origin in self.reaching(frame, one, id(node), start)
        )

    def written_under(self, path: str) -> Iterator[Written]:
        """What was written into the files that a path may lead to, or under a key of a store."""
        name = PurePath(path).name
        for known, written in self.written.items():
            if known.startswith(KEY) != name.startswith(KEY):
                continue
            if known == name:
                yield from (one for one in written if is_one_file(one.path, path))
            elif fits(known, name) or (tells_names(name) and fits(name, known)):
                yield from (one for one in written if are_in_one_folder(one.path, path))

    def reaching(self, frame: Frame, one: Written, reader: int, start: Start) -> Origins:
        """Of the answers that were written, those that the reader may find."""
        if (one.start, one.round) == (start, self.progress.round):
            return one.answers
        if (one.place, reader) not in self.ordered:
            return in_round(one.answers, self.progress.round)
        function = outermost(frame).function
        is_called_again = function is not None and function not in self.entries.called
        return one.answers if is_called_again and one.start == start else NOTHING


def found_in(record: Value, answers: Origins, depth: int = 0) -> Value:
    """A record with those of the answers in its fields that a file of it holds when it is read."""
    made = chains_in(record.origins)
    origins = frozenset(one for one in answers if chains_in(frozenset((one,))) <= made)
    box = record.box
    if box is None or depth > DEEPEST:
        return replace(record, origins=origins, box=None)
    fields = {name: found_in(held, answers, depth + 1) for name, held in box.fields.items()}
    items = [replace(one, value=found_in(one.value, answers, depth + 1)) for one in box.items]
    rest = found_in(box.rest, answers, depth + 1) if box.rest is not None else None
    keys = found_in(box.keys, answers, depth + 1) if box.keys is not None else None
    found = Box(box.kind, items, fields, rest, keys=keys)
    return replace(record, origins=origins, box=found)


def record_told(text: Value) -> Value:
    """The record that a text tells which a library made of it: `json.dumps(record)`."""
    is_dumped = STORE in text.types and text.box is not None and text.box.kind == "object"
    return text.box.fields.get("0", UNKNOWN) if is_dumped and text.box is not None else UNKNOWN


def text_of_record(record: Value, answers: Origins) -> Value:
    """The text that tells a record."""
    return Value(
        types=frozenset((STORE,)), origins=answers, box=Box("object", fields={"0": record})
    )


def chains_in(origins: Origins) -> set[Chain]:
    """Where outputs were made, whichever round of the analysis that was."""
    return {origin.chain for origin in in_round(origins, 0)}


def key_in(shape: CallShape) -> str:
    """The key of a store that a call names, with `?` for what isn't known of it; empty where too
    little is."""
    key = shape.positional[0][1] if shape.positional else UNKNOWN
    name = name_of(replace(key, types=NO_TYPES))
    if not name and shape.verb in TELLING and isinstance(key.source, ast.Name):
        name = f"?{key.source.id}"
    return KEY + name.replace("/", ":") if name else ""


NO_TYPES: frozenset[Type] = frozenset()


def given_files(shape: CallShape) -> Iterator[Value]:
    """The open files among the arguments of a call."""
    given = shape.given
    return (value for value in given if FILE in value.types)


def is_written(node: ast.Call) -> bool:
    """Whether a call opens a file to write it."""
    by_path = isinstance(node.func, ast.Attribute) and len(node.args) < 2 and not is_module(node)
    modes = node.args[:1] if by_path else node.args[1:2]
    modes += [item.value for item in node.keywords if item.arg == "mode"]
    return any(
        isinstance(mode, ast.Constant) and isinstance(mode.value, str) and MODES & set(mode.value)
        for mode in modes
    )


def is_module(node: ast.Call) -> bool:
    """Whether a call opens a file by a module's function: `io.open(path)`."""
    function = node.func
    named = function.value if isinstance(function, ast.Attribute) else None
    return isinstance(named, ast.Name) and named.id in ("io", "codecs", "aiofiles", "anyio")


OPEN = re.compile(r"[?*]+")
"""What isn't known of a name, or what a pattern of files leaves open."""


def fits(pattern: str, name: str) -> bool:
    """Whether a name has the parts that are known of another one: `part_?.md`."""
    parts = OPEN.split(pattern)
    return len(parts) > 1 and bool(re.fullmatch(".*".join(map(re.escape, parts)), name))


def tells_names(name: str) -> bool:
    """Whether a name with open parts stands for files as they are listed, or has enough parts that
    are known."""
    return "*" in name or is_telling(name.rpartition(".")[0])


def are_in_one_folder(written: str, read: str) -> bool:
    """Whether two paths may lead into one folder, of which either may have the last part alone."""
    one, other = PurePath(written).parts[-2::-1], PurePath(read).parts[-2::-1]
    return all(first == second for first, second in zip(one, other, strict=False))


def is_one_file(written: str, read: str) -> bool:
    """Whether two paths may lead to one file: a path of a name alone stands in any folder, and one
    from where the program is run in any folder above it."""
    if PurePath(written).is_absolute() != PurePath(read).is_absolute():
        return are_in_one_folder(written, read)
    return written == read or "/" not in written or "/" not in read
