"""Prompts that are kept in files: paths that stand in the source, and what the files say.

Only files of the agent's own folder are read. A path that only the running program knows, or that
leads elsewhere, is unknown.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Protocol

from charter_engine.parser.model_calls.recognise import CallShape
from charter_engine.parser.prompts import jinja
from charter_engine.parser.source.symbols import Module
from charter_engine.parser.values.pieces import static
from charter_engine.parser.values.values import (
    UNKNOWN,
    Box,
    Element,
    External,
    Kind,
    Package,
    Piece,
    Static,
    Value,
)

if TYPE_CHECKING:
    from charter_engine.parser.state import Analysis

PATH = External("pathlib.Path()")
FILE = External("io.TextIOBase()")
READ_BY_NAME = frozenset(("open", "get_template"))

MAX_LEAVES = 2_000
"""Assumed: a file with more values is data, and not prompts."""

FIRST_WORDS = 12
"""By so many words a text is found in its file, which may break its lines elsewhere."""


class TextFiles(Protocol):
    """The files of an agent's folder that may hold prompts."""

    def read(self, path: str, near: str) -> tuple[str, str] | None:
        """The full path and the text of a file, looked for from the folder of the source `near` up
        to the agent's; None where there is none that may be read."""


class NoFiles:
    """For a source on its own."""

    def read(self, path: str, near: str) -> tuple[str, str] | None:
        """Nothing is at hand."""
        return None


class PromptFiles:
    """Follows paths, and gives what is read by them."""

    def __init__(self, analysis: Analysis) -> None:
        self.program = analysis.program
        self.files = analysis.program.files
        self.starts: dict[tuple[str, str], int] = {}

    def attribute(self, value: Value, name: str) -> Value | None:
        """`path.parent`, `path.parents`; None where a value is no path."""
        path = path_of(value) if PATH in value.types else None
        if path is None:
            return None
        if name == "parent":
            return path_value(str(PurePath(path).parent))
        if name == "parents":
            above = [str(parent) for parent in PurePath(path).parents]
            return Value(box=Box("list", [Element(path_value(parent)) for parent in above]))
        return None

    def divided(self, left: Value, right: Value) -> Value | None:
        """`folder / "name"`; None where it is another division."""
        if PATH not in left.types and PATH not in right.types:
            return None
        return joined([left, right])

    def called(self, module: Module, receiver: Value, shape: CallShape) -> Value | None:
        """What a call that makes, opens or reads a path gives; None for any other."""
        if receiver.types and PATH in receiver.types:
            given = [value for _, value in shape.positional]
            return self.of_path(module, receiver, shape.verb, given)
        if receiver.types and FILE in receiver.types:
            return self.text(module, receiver) if shape.verb == "read" else None
        if not shape.positional or not (shape.callee or shape.verb in READ_BY_NAME):
            return None
        given = [value for _, value in shape.positional]
        dotted = next((kind.dotted for kind in shape.callee if isinstance(kind, External)), "")
        if dotted in MAKING:
            return joined(given)
        if shape.verb == "get_template":
            return self.template(module, receiver, given[0])
        is_open = shape.verb == "open" and (not dotted or dotted in OPENING)
        return opened(given[0]) if is_open else self.of_module(module, dotted, given)

    def of_module(self, module: Module, dotted: str, given: list[Value]) -> Value | None:
        """What functions of `os.path`, `importlib` and parsers give."""
        if dotted in KEEPING:
            return given[0] if path_of(given[0]) is not None else None
        if dotted == "os.path.dirname" and PATH in given[0].types:
            return self.attribute(given[0], "parent")
        if dotted in ("importlib.resources.files", "importlib.resources.read_text"):
            return self.resource(module, given)
        if dotted not in PARSING:
            return None
        is_open = FILE in given[0].types
        data = self.parsed(module, given[0], PARSING[dotted])
        return Value(origins=given[0].origins) if data is None and is_open else data

    def of_path(self, module: Module, path: Value, verb: str, given: list[Value]) -> Value | None:
        if verb == "joinpath":
            return joined([path, *given])
        if verb in ("resolve", "absolute", "expanduser"):
            return path
        if verb == "open":
            return opened(path)
        if verb in LISTING and path_of(path) is not None:
            return Value(box=Box("list", rest=joined([path, listed(given)])))
        if verb == "get_source" and len(given) > 1:
            return source_of(self.text(module, joined([path, given[1]])))
        return self.text(module, path) if verb in ("read_text", "read") else None

    def text(self, module: Module, value: Value) -> Value | None:
        """What the file at a path says."""
        found = self.read(module, value)
        return None if found is None else Value(pieces=(found,) if found.text else ())

    def read(self, module: Module, value: Value) -> Static | None:
        path = path_of(value)
        found = self.files.read(path, module.path) if path else None
        return None if found is None else Static(found[1], 1, path=found[0])

    def resource(self, module: Module, given: list[Value]) -> Value | None:
        """`importlib.resources`: a package's folder, or what a file in it says."""
        folder = self.folder_of_package(module, given[0]) if given else None
        if folder is None:
            return None
        return folder if len(given) == 1 else self.text(module, joined([folder, given[1]]))

    def folder_of_package(self, module: Module, given: Value) -> Value | None:
        """The folder of a package by its name, or by its module; of one that is no module at hand,
        below the folder of that name that the asking module is in."""
        held = next((kind.module for kind in given.types if isinstance(kind, Package)), None)
        name = given.static_text() or ""
        found = held or self.program.module_named(name)
        if found is not None:
            return path_value(str(PurePath(found.path).parent))
        first, *below = name.split(".")
        above = next((one for one in PurePath(module.path).parents if one.name == first), None)
        return path_value(str(above.joinpath(*below))) if above is not None and first else None

    def parsed(self, module: Module, given: Value, parse: Callable[[str], object]) -> Value | None:
        """The data of a file that was opened, or whose text was read."""
        if FILE in given.types:
            found = self.read(module, given)
        else:
            pieces = [piece for piece in given.pieces or () if isinstance(piece, Static)]
            found = pieces[0] if len(pieces) == 1 == len(given.pieces or ()) else None
        if found is None or not found.path:
            return None
        try:
            return Data(found, self.starts).value(parse(found.text))
        except (ValueError, RecursionError):
            return None

    def template(self, module: Module, environment: Value, given: Value) -> Value | None:
        """`environment.get_template(name)`, with what the template includes."""
        fields = environment.box.fields if environment.box is not None else {}
        loader = fields.get("loader") or fields.get("0")
        if loader is None or path_of(loader) is None:
            return None

        def include(name: str) -> Static | None:
            found = self.read(module, joined([loader, static(name)]))
            return None if found is None else found.part(found.text.removesuffix("\n"))

        name = given.static_text()
        found = include(name) if name else None
        if found is None:
            return None
        text = Value(pieces=jinja.written_out(found, include))
        box = Box("object", fields={"template": text})
        return Value(types=frozenset((Kind("jinja.prompt"),)), box=box)


class Data:
    """Turns the data of a file into values; every text keeps its place in the file. `starts` are
    those places, by file and text: a program may read a file again and again."""

    def __init__(self, source: Static, starts: dict[tuple[str, str], int]) -> None:
        self.source = source
        self.starts = starts
        self.left = MAX_LEAVES

    def value(self, data: Any, depth: int = 0) -> Value:
        self.left -= 1
        if self.left < 0 or depth > 12:
            return UNKNOWN
        if isinstance(data, str):
            return Value(pieces=(self.text(data),) if data else ())
        if data is None or isinstance(data, bool | int | float):
            return Value(constant=(data,))
        if isinstance(data, dict):
            fields = {str(name): self.value(item, depth + 1) for name, item in data.items()}
            return Value(box=Box("dict", fields=fields))
        if isinstance(data, list):
            items = [Element(self.value(item, depth + 1)) for item in data]
            return Value(box=Box("list", items))
        return UNKNOWN

    def text(self, text: str) -> Static:
        """A text with the line where it begins, if it stands in the file as it is."""
        place = self.source.path, text
        if place not in self.starts:
            self.starts[place] = start_of(text, self.source.text)
        return self.source.part(text, self.starts[place])


def start_of(text: str, whole: str) -> int:
    """Where a text begins in the file that holds it; 0 where it doesn't stand there as it is."""
    begins = r"\s+".join(re.escape(word) for word in text.split(maxsplit=FIRST_WORDS)[:-1])
    found = re.search(begins or re.escape(text.strip()), whole)
    return found.start() if found is not None else 0


def yaml_data(text: str) -> object:
    """The first document of a YAML text. Raises ValueError."""
    # Few agents keep prompts in YAML, and the library takes long to import.
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe").load(text)
    except YAMLError as error:
        raise ValueError(str(error)) from None


OPENING = frozenset(("io.open", "codecs.open", "aiofiles.open"))
MAKING = frozenset(
    "pathlib.Path pathlib.PurePath pathlib.PosixPath os.path.join jinja2.FileSystemLoader "
    "jinja2.loaders.FileSystemLoader anyio.Path".split()
)
KEEPING = frozenset("os.path.abspath os.path.realpath os.path.normpath os.fspath".split())
PARSING: dict[str, Callable[[str], object]] = {
    **dict.fromkeys(("yaml.safe_load", "yaml.load", "yaml.full_load"), yaml_data),
    **dict.fromkeys(("json.load", "json.loads", "orjson.loads"), json.loads),
    **dict.fromkeys(
        [f"{name}.{verb}" for name in ("tomllib", "tomli", "toml") for verb in ("load", "loads")],
        tomllib.loads,
    ),
}


def path_value(path: str) -> Value:
    fields = {"path": static(path)}
    return Value(types=frozenset((PATH,)), box=Box("object", fields=fields))


def name_of(value: Value) -> str:
    """A path as far as it is known: all of it, or the file's own name with `?` for what isn't
    known of that; empty where too little is known to tell files apart by it."""
    known = path_of(value)
    if known is not None:
        return known
    if value.box is not None and value.types & {PATH, FILE}:
        return value.box.fields.get("name", UNKNOWN).static_text() or ""
    name = PurePath(written_of(value)).name
    return name if is_telling(name.rpartition(".")[0] or name) else ""


def written_of(value: Value) -> str:
    """A text with `?` for what isn't known of it."""
    pieces = value.pieces or ()
    return "".join(piece.text if isinstance(piece, Static) else "?" for piece in pieces)


def is_telling(name: str) -> bool:
    """Whether so much is known of a name that it tells files or folders apart."""
    return sum(map(str.isalpha, name)) >= FEWEST_LETTERS


FEWEST_LETTERS = 3
"""A file's name of fewer letters that are known may be that of any file."""


def path_of(value: Value) -> str | None:
    """A path that is known, as text."""
    if value.box is not None and value.types & {PATH, FILE}:
        return value.box.fields.get("path", UNKNOWN).static_text()
    if value.box is not None and value.box.kind == "list" and len(value.box.items) == 1:
        return path_of(value.box.items[0].value)
    written = [part_of(piece) for piece in value.pieces or ()]
    known = [part for part in written if part is not None]
    return ("".join(known) or None) if len(known) == len(written) else None


def part_of(piece: Piece) -> str | None:
    """A part of a text that names a path (`str(folder)`, `f"{folder}/rules.md"`); None: it isn't
    known."""
    if isinstance(piece, Static):
        return piece.text
    return path_of(piece.value) if PATH in piece.value.types else None


def joined(parts: list[Value]) -> Value:
    """Paths put together; where one of them is unknown, the last one's name may be known, or that
    of the folder with the end of the name (`folder / f"{number}.md"`)."""
    paths = [path_of(part) for part in parts]
    known = [path for path in paths if path is not None]
    if len(known) == len(paths):
        return path_value(str(PurePath(*known)))
    name = PurePath(name_of(parts[-1])).name
    folder = PurePath(*known).name if known == paths[:-1] else ""
    end = written_of(parts[-1])
    if not name and is_telling(folder) and end.startswith("?") and "/" not in end:
        name = f"{folder}/{end}"
    return named_only(PATH, name)


LISTING = frozenset(("glob", "rglob"))
"""Methods of a folder's path that list the files in it."""


def listed(given: list[Value]) -> Value:
    """The names that a pattern of files stands for: `*.md`."""
    text = given[0].static_text() if given else None
    return UNKNOWN if text is None else static(PurePath(text).name)


def source_of(text: Value | None) -> Value | None:
    """What the loader of templates gives by `get_source`: a template's text, and what tells where
    it is from."""
    if text is None:
        return None
    return Value(box=Box("tuple", [Element(text), Element(Value()), Element(Value())]))


def named_only(kind: External, name: str) -> Value:
    """A path, or an open file, in a folder that isn't known."""
    return Value(types=frozenset((kind,)), box=Box("object", fields={"name": static(name)}))


def opened(path: Value) -> Value | None:
    found = path_of(path)
    if found is None:
        name = name_of(path)
        return named_only(FILE, name) if name else None
    return Value(types=frozenset((FILE,)), box=Box("object", fields={"path": static(found)}))
