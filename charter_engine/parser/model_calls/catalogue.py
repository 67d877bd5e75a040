"""The declarative catalogue of LLM call families: read from `catalogue.toml`, extended by a user's
`[recognizers]`."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, TypeVar

Rule = TypeVar("Rule", "KindRule", "Family")
Told = TypeVar("Told")

PACKAGE = re.compile(r"\^(\w+)(?:\(?\\\.)")
"""What a pattern of dotted names begins with where only one package is meant."""

COMMON = frozenset(("Client", "AsyncClient"))
"""Names of classes that say nothing without their module."""


COMMON_VERBS = frozenset("append cast extract plan say summarize".split())
"""Names of what asks a model in one library: elsewhere they are too common to tell anything."""


class CatalogueError(ValueError):
    """A table of the catalogue or of a user's `[recognizers]` that can't be used; the message names
    it."""


@dataclass(frozen=True, slots=True)
class KindRule:
    """What a constructor or an annotation makes of a value; `role` other: a look-alike, never a
    call."""

    name: str
    role: str = "model"
    constructors: tuple[str, ...] = ()
    constructor_patterns: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    other_tasks: str = ""
    gives: dict[str, str] = field(default_factory=dict)
    annotations: tuple[str, ...] = ()
    syntax: str = "format"
    keeps: tuple[str, ...] = ()
    fills: tuple[str, ...] = ()
    proved_by: tuple[str, ...] = ()
    remembers: tuple[str, ...] = ()
    remembers_with: tuple[str, ...] = ()
    remembers_by: tuple[str, ...] = ()
    talks: bool = False
    exact: bool = False
    fetched: bool = False
    becomes: dict[str, str] = field(default_factory=dict)
    part: str = ""
    members: dict[str, str] = field(default_factory=dict)
    says: dict[str, str] = field(default_factory=dict)
    asks_with: tuple[str, ...] = ()
    chooses: str = ""
    silent: bool = False
    names: str = ""
    names_all: bool = False
    opens: str = ""
    hears: str = ""
    hears_from: str = ""
    beside: str = ""
    writes: str = ""
    answers: dict[str, str] = field(default_factory=dict)
    answered_as: str = ""
    saves: str = ""
    templated: bool = False
    served_as: str = ""
    serves: bool = False
    configured: str = ""
    describes: dict[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    stands_for: str = ""
    answers_under: str = ""
    leads_in: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    asks_in: tuple[str, ...] = ()
    returned_by: str = ""
    takes: dict[str, str] = field(default_factory=dict)
    decorators: tuple[str, ...] = ()
    model_first: bool = False
    factories: tuple[str, ...] = ()
    makes: dict[str, str] = field(default_factory=dict)
    led_by: str = ""
    rounds: str = ""
    hears_also: str = ""
    tells_all: str = ""
    reads: tuple[str, ...] = ()
    chosen_by: str = ""
    kinds: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Family:
    """One way to trigger inference. See the head of `catalogue.toml` for the fields."""

    name: str
    paths: tuple[str, ...] = ()
    named_after: str = ""
    functions: tuple[str, ...] = ()
    function_patterns: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()
    verbs_anywhere: tuple[str, ...] = ()
    called: bool = False
    prompt: tuple[str, ...] = ()
    positional: tuple[str, ...] = ()
    roles: dict[str, str] = field(default_factory=dict)
    not_receiver: tuple[str, ...] = ()
    not_keywords: tuple[str, ...] = ()
    url: str = ""
    other_urls: str = ""
    other_models: str = ""
    other_inputs: tuple[str, ...] = ()
    open_ended: bool = False
    own_prompt: bool = False
    hands_back: tuple[str, ...] = ()
    runs: str = ""
    names: str = ""
    only_known: bool = False
    only_prompted: bool = False
    talks_in: tuple[str, ...] = ()
    makes: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Words that speak for or against a call where the receiver's type can't be told."""

    function_strong: frozenset[str] = frozenset()
    function_weak: frozenset[str] = frozenset()
    function_never: frozenset[str] = frozenset()
    function_filler: frozenset[str] = frozenset()
    function_making: frozenset[str] = frozenset()
    function_task: frozenset[str] = frozenset()
    running: frozenset[str] = frozenset()
    receiver_running: frozenset[str] = frozenset()
    other_keywords: frozenset[str] = frozenset()
    other_work: frozenset[str] = frozenset()
    other_products: frozenset[str] = frozenset()
    receiver_strong: frozenset[str] = frozenset()
    receiver_weak: frozenset[str] = frozenset()
    receiver_never: frozenset[str] = frozenset()
    receiver_other: frozenset[str] = frozenset()
    prompt_names: frozenset[str] = frozenset()
    prompt_strong: frozenset[str] = frozenset()
    model_keywords: frozenset[str] = frozenset()
    result_names: frozenset[str] = frozenset()
    accessors: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()
    requesting: frozenset[str] = frozenset()
    requested: frozenset[str] = frozenset()
    request_prompts: frozenset[str] = frozenset()
    request_models: frozenset[str] = frozenset()
    receiver_storing: frozenset[str] = frozenset()
    rules_loading: frozenset[str] = frozenset()
    rules_loaded: frozenset[str] = frozenset()
    templates: frozenset[str] = frozenset()
    running_given: frozenset[str] = frozenset()
    beside_running: frozenset[str] = frozenset()
    model_given: frozenset[str] = frozenset()
    asker_methods: frozenset[str] = frozenset()


class Catalogue:
    """Look-ups over kinds and families. `digest` names the set, for caches; `packages` are those
    that its constructors and functions are imported from. `held` tells the kinds of objects that
    libraries keep by their dotted names, `gives` the arguments that attributes give, by attribute
    and kind."""

    def __init__(
        self, kinds: tuple[KindRule, ...], families: tuple[Family, ...], evidence: Evidence
    ) -> None:
        self.kinds = {kind.name: kind for kind in kinds}
        self.families = families
        self.evidence = evidence
        self.digest = hashlib.sha256(
            repr((kinds, families, sorted_words(evidence))).encode()
        ).hexdigest()[:16]
        self._constructors = {name: kind.name for kind in kinds for name in kind.constructors}
        self._defined = definitions(kinds)
        self.served = tuple(kind for kind in kinds if kind.served_as)
        self._patterns = [
            (package_of(text), re.compile(text), kind.name)
            for kind in kinds
            for text in kind.constructor_patterns
        ]
        self._decorators = [
            (package_of(text), re.compile(text), kind) for kind in kinds for text in kind.decorators
        ]
        self._annotations = {name: kind.name for kind in kinds for name in kind.annotations}
        self._annotations |= {
            name.rpartition(".")[2]: kind.name
            for kind in kinds
            if kind.role == "model"
            for name in kind.constructors
            if name.rpartition(".")[2] not in COMMON
        }
        self._functions: dict[str, Family | None] = {
            name: family for family in families for name in family.functions
        }
        self._function_patterns = [
            (re.compile(text), family) for family in families for text in family.function_patterns
        ]
        self.packages = frozenset(
            name.partition(".")[0] for name in (*self._constructors, *self._functions)
        ) | {package for package, _, _ in (*self._patterns, *self._decorators) if package}
        self.held = {name: kind.name for kind in kinds for name in kind.held}
        self.gives: dict[str, dict[str, list[str]]] = {}
        for kind in kinds:
            for name, given in kind.gives.items():
                self.gives.setdefault(name, {})[kind.name] = given.split("|")
        self.proving = {verb: kind.name for kind in kinds for verb in kind.proved_by}
        self.handing_back = frozenset(name for family in families for name in family.hands_back)
        self._paths = {name: family for family in families for name in family.paths}
        self._verbs = {
            (kind, verb): family
            for family in families
            for kind in family.kinds
            for verb in family.verbs
        }
        self._called = {
            kind: family for family in families if family.called for kind in family.kinds
        }
        self.kept_and_called = frozenset(
            verb for kind in self._called for verb in self.kinds[kind].keeps
        )
        self._anywhere = {verb: family for family in families for verb in family.verbs_anywhere}
        self._named_after = {
            verb: family for family in families if family.named_after for verb in family.verbs
        }
        self._path_ends = frozenset(name.rpartition(".")[2] for name in self._paths)
        self.verbs = (
            frozenset(
                name.rpartition(".")[2]
                for family in families
                for name in (*family.verbs, *family.verbs_anywhere, *family.functions)
            )
            | self._path_ends
        ) - COMMON_VERBS
        self._known: dict[str, str | None] = {}
        self._known_paths: dict[tuple[str, ...], Family | None] = {}

    def kind_of_constructor(self, dotted: str) -> str | None:
        """The kind that calling `dotted` makes, if the catalogue knows it."""
        if dotted not in self._known:
            self._known[dotted] = (
                self._constructors.get(dotted)
                or self._kind_by_pattern(dotted)
                or self._kind_defined_deeper(dotted)
            )
        return self._known[dotted]

    def _kind_by_pattern(self, dotted: str) -> str | None:
        return next(matching(self._patterns, dotted), None)

    def kind_of_decorator(self, dotted: str) -> KindRule | None:
        """What a decorator makes of a function, if the catalogue knows it."""
        return next(matching(self._decorators, dotted), None)

    def _kind_defined_deeper(self, dotted: str) -> str | None:
        """The kind of a class that is imported from the module that defines it, not from the
        package that hands it on."""
        package, tail = class_in(dotted)
        for prefix, kind in self._defined.get(tail, ()):
            if package.startswith(f"{prefix}."):
                return kind
        return None

    def is_frameworks_own(self, dotted: str) -> bool:
        """Whether a name can only be a framework's, so that it means what the catalogue says even
        where the framework's sources are at hand; what a program may well call its own is not."""
        if dotted.partition(".")[0] not in self.packages:
            return False
        kind = self.kind_of_constructor(dotted)
        return kind is not None and not self.kinds[kind].exact and self.takes_part(kind)

    def knows(self, dotted: str) -> bool:
        """Whether a name of one of its packages is a constructor's or a function's."""
        if dotted.partition(".")[0] not in self.packages:
            return False
        return dotted in self._functions or self.kind_of_constructor(dotted) is not None

    def takes_part(self, kind: str) -> bool:
        """Whether what is of a kind asks a model, or leads to something that does."""
        return self.is_model(kind) or bool(self.kinds[kind].part)

    def kind_of_annotation(self, name: str, dotted: str = "") -> str | None:
        return (self.kind_of_constructor(dotted) if dotted else None) or self._annotations.get(name)

    def family_of_function(self, dotted: str) -> Family | None:
        if dotted not in self._functions:
            self._functions[dotted] = next(
                (family for pattern, family in self._function_patterns if pattern.search(dotted)),
                None,
            )
        return self._functions[dotted]

    def family_of_path(self, path: tuple[str, ...]) -> Family | None:
        """The family an attribute path proves, by its longest known ending.

        Accessors between a resource and its verb are passed over.
        """
        if path not in self._known_paths:
            self._known_paths[path] = self._family_by_ending(path)
        return self._known_paths[path]

    def _family_by_ending(self, path: tuple[str, ...]) -> Family | None:
        path = tuple(name for name in path if name not in self.evidence.accessors)
        if len(path) < 2 or path[-1] not in self._path_ends:
            return None
        for length in range(min(len(path), 4), 1, -1):
            family = self._paths.get(".".join(path[-length:]))
            if family is not None and not (
                length < len(path) and path[-length - 1] in family.not_receiver
            ):
                return family
        return None

    def family_named_after(self, verb: str) -> Family | None:
        """The family of a method that counts on whatever is named after what the family asks."""
        return self._named_after.get(verb)

    def family_of_verb(self, kind: str, verb: str) -> Family | None:
        return self._verbs.get((kind, verb))

    def family_that_runs(self, kind: str) -> str:
        """The name of the family that calls of a kind belong to."""
        return next((family.name for family in self.families if kind in family.kinds), kind)

    def family_called(self, kind: str) -> Family | None:
        return self._called.get(kind)

    def family_anywhere(self, verb: str) -> Family | None:
        return self._anywhere.get(verb)

    def asks_person(self, callee: Collection[object]) -> bool:
        """Whether what a function returns is what a person answered, nothing that it was given."""
        dotted = {getattr(kind, "dotted", "") for kind in callee}
        return not dotted.isdisjoint(self.evidence.people)

    def is_model(self, kind: str) -> bool:
        return self.kinds[kind].role == "model" if kind in self.kinds else False


def definitions(kinds: tuple[KindRule, ...]) -> dict[str, list[tuple[str, str]]]:
    """The packages that hand on a class of a kind, by the class: (package, kind)."""
    found: dict[str, list[tuple[str, str]]] = {}
    for kind in kinds:
        for name in () if kind.exact else kind.constructors:
            package, tail = class_in(name)
            if tail:
                found.setdefault(tail, []).append((package, kind.name))
    return found


def matching(patterns: Iterable[tuple[str, re.Pattern[str], Told]], dotted: str) -> Iterator[Told]:
    """What patterns tell of a dotted name, each with the package that it means."""
    packages = ("", dotted.partition(".")[0])
    for package, pattern, told in patterns:
        if package in packages and pattern.search(dotted):
            yield told


def package_of(pattern: str) -> str:
    """The package that a pattern of dotted names means; empty: it may be of several."""
    found = PACKAGE.match(pattern)
    return found.group(1) if found is not None else ""


def class_in(dotted: str) -> tuple[str, str]:
    """A dotted name's modules, and the class in it with what follows (empty: it has none)."""
    parts = dotted.split(".")
    first = next((number for number, part in enumerate(parts) if part[:1].isupper()), len(parts))
    return ".".join(parts[:first]), ".".join(parts[first:])


def sorted_words(evidence: Evidence) -> list[list[str]]:
    return [sorted(getattr(evidence, name)) for name in Evidence.__slots__]


@cache
def default_catalogue() -> Catalogue:
    """The catalogue as shipped."""
    return build(shipped_tables())


def shipped_tables() -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath("catalogue.toml").read_text("utf-8"))


def extended_catalogue(recognizers: dict[str, Any]) -> Catalogue:
    """The shipped catalogue and a user's `[recognizers]`; the user's entries win. Raises
    `CatalogueError`."""
    tables = shipped_tables()
    unknown = set(recognizers) - {"kinds", "families", "evidence"}
    if unknown:
        raise CatalogueError(
            f"[recognizers] has no {min(unknown)!r}; it takes kinds, families and evidence."
        )
    kinds = {**tables["kinds"], **table(recognizers, "kinds")}
    families = recognizers.get("families", [])
    if not isinstance(families, list):
        raise CatalogueError("[[recognizers.families]] must be an array of tables.")
    evidence = dict(tables["evidence"])
    for name, words in table(recognizers, "evidence").items():
        evidence[name] = [*evidence.get(name, []), *strings(f"recognizers.evidence.{name}", words)]
    return build(
        {"kinds": kinds, "families": [*tables["families"], *families], "evidence": evidence}
    )


def table(tables: dict[str, Any], name: str) -> dict[str, Any]:
    found = tables.get(name, {})
    if not isinstance(found, dict):
        raise CatalogueError(f"[recognizers.{name}] must be a table.")
    return found


def build(tables: dict[str, Any]) -> Catalogue:
    kinds = tuple(
        record(KindRule, {"name": name, **entry}, f"kinds.{name}")
        for name, entry in tables["kinds"].items()
    )
    families = tuple(
        record(Family, entry, f"families, number {number}")
        for number, entry in enumerate(tables["families"], 1)
    )
    unknown = set(tables["evidence"]) - set(Evidence.__slots__)
    if unknown:
        raise CatalogueError(f"[recognizers.evidence] has no {min(unknown)!r}.")
    return Catalogue(
        kinds,
        families,
        Evidence(**{name: frozenset(words) for name, words in tables["evidence"].items()}),
    )


def record(rule: type[Rule], entry: Any, place: str) -> Rule:
    """One table as a rule, with every field of the type the rule declares."""
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise CatalogueError(f"[recognizers.{place}] must be a table with a name.")
    unknown = set(entry) - set(rule.__dataclass_fields__)
    if unknown:
        known = ", ".join(rule.__dataclass_fields__)
        raise CatalogueError(f"[recognizers.{place}] has no {min(unknown)!r}; it takes {known}.")
    fields: dict[str, Any] = {
        name: checked(f"{place}.{name}", value, rule) for name, value in entry.items()
    }
    for pattern in [
        *fields.get("constructor_patterns", ()),
        *fields.get("decorators", ()),
        *fields.get("function_patterns", ()),
        fields.get("url", ""),
        fields.get("other_urls", ""),
        fields.get("other_models", ""),
        fields.get("other_tasks", ""),
    ]:
        try:
            re.compile(pattern)
        except re.error as error:
            raise CatalogueError(
                f"[recognizers.{place}] has a bad pattern {pattern!r}: {error}."
            ) from None
    return rule(**fields)


def checked(place: str, value: Any, rule: type[KindRule] | type[Family]) -> Any:
    wanted = rule.__dataclass_fields__[place.rpartition(".")[2]].type
    if str(wanted).startswith("tuple"):
        return tuple(strings(place, value))
    if str(wanted).startswith("dict"):
        if not isinstance(value, dict):
            raise CatalogueError(f"[recognizers.{place}] must be a table of strings.")
        return value
    if not isinstance(value, bool if wanted == "bool" else str):
        raise CatalogueError(
            f"[recognizers.{place}] must be a {'true or false' if wanted == 'bool' else 'string'}."
        )
    return value


def strings(place: str, value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise CatalogueError(f"[recognizers.{place}] must be a list of strings.")
    return value
