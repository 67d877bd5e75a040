"""An agent's calls, their prompts as segments, and what flows between them."""

from typing import Literal

from msgspec import Struct

from charter_engine.contracts.figures import Label

SegmentKind = Literal["static", "variable", "upstream", "unknown"]
Role = Literal["system", "user", "assistant", "tool"]
Carried = Literal["data", "loop"]
LimitUnit = Literal["messages", "tokens"]
Flow = Literal["local", "argument", "return", "attribute", "state", "history"]
Repetition = Literal["for", "while", "comprehension", "caller", "recursion", "cycle"]
Pattern = Literal[
    "shared_prefix", "sequential_chain", "branching", "loop_invariant", "delta_matching"
]


class Segment(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A run of a prompt.

    `text` is set for static segments; `name` is the variable's name (for upstream segments, the
    name of the output); `call` is the upstream call's id; `expression` is the source of what fills
    a variable (for example `row["name"]`), so that an executor can bind it; `role` is set where a
    chat message begins or continues. `tokens` is the count of a static text, or the expected size
    of the others (None: unknown). `each_turn`: every turn before has left one of it in a history;
    neighbours that have it are written together, once a turn. `fixed`: a variable that the call's
    loop does not change. `path` is the file that holds the text, from the folder of the call's
    file on; empty where it is that file.
    """

    kind: SegmentKind
    text: str = ""
    name: str = ""
    call: str | None = None
    carried: Carried | None = None
    expression: str = ""
    role: Role | None = None
    tokens: int | None = None
    tokens_label: Label = "assumed"
    line: int = 0
    path: str = ""
    each_turn: bool = False
    fixed: bool = False


class HistoryLimit(Struct, frozen=True):
    """What of a history is sent: the last `size` messages, or the last that have at most `size`
    tokens (0: only the running program knows how many).

    What stands before the segment `first` is always sent. `anew`: instead of losing its oldest
    messages, a longer history is dropped whole, and the segments [start, end) stand for it.
    """

    size: int
    unit: LimitUnit = "messages"
    first: int = 0
    anew: tuple[int, int] | None = None


class Dependency(Struct, frozen=True):
    """The output of `call` reaches this call's prompt: now (`data`) or in a later iteration
    (`loop`), and how."""

    call: str
    carried: Carried = "data"
    how: Flow = "local"


class Loop(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What repeats a call. `target` and `iterable` are source text, empty where the loop has
    none."""

    kind: Repetition
    line: int
    target: str = ""
    iterable: str = ""


class Call(Struct, frozen=True, kw_only=True):
    """One place in the source that triggers inference. Lines and columns count from 1.

    `id` is `Class.function:output` or `function:line`, stable under unrelated edits; `name` is what
    it is called on screens and in reports, unlike all other calls of its agent. `family` is
    the recogniser's name (`openai.chat`, `anthropic.messages`, …); `kind` is `sdk` for a call of a
    client, `wrapper` for a call of a function that makes one (then `via` is the chain of ids down
    to the client's call). `history_limit` bounds what its prompt holds of the turns before. `head`
    are the definitions of tools, and of the answer's schema, that go with the request: chat
    templates write them in front of the messages.
    """

    id: str
    path: str
    line: int
    end_line: int
    name: str = ""
    column: int = 1
    kind: Literal["sdk", "wrapper"] = "sdk"
    family: str = ""
    function: str = ""
    via: tuple[str, ...] = ()
    in_loop: bool = False
    loop: Loop | None = None
    repeated_by: tuple[Loop, ...] = ()
    fanout: str | None = None
    condition: str | None = None
    history_limit: HistoryLimit | None = None
    output: str | None = None
    parameters: dict[str, str | int | float | bool] = {}
    head: tuple[Segment, ...] = ()
    segments: tuple[Segment, ...] = ()
    depends_on: tuple[Dependency, ...] = ()


class Opportunity(Struct, frozen=True, kw_only=True):
    """A place where KV blocks could be reused. `shared_tokens` counts what each later use can take
    from the first.

    `expected_hit_rate` is the share of the nodes' prompt tokens that the block manager would reuse,
    best layout, on the agent's inputs; `expected_computed_tokens` are those of
    `expected_prompt_tokens` that would be computed then. `expected_basis` tells layout and
    workload, or why there is no rate. `derivation` tells where the shared tokens are.
    """

    pattern: Pattern
    nodes: tuple[str, ...]
    shared_tokens: int
    tokens_label: Label = "assumed"
    expected_hit_rate: float | None = None
    expected_computed_tokens: int | None = None
    expected_prompt_tokens: int | None = None
    expected_label: Label = "predicted"
    expected_basis: str = ""
    derivation: str = ""
    constant: tuple[str, ...] = ()
    varying: tuple[str, ...] = ()


class Diagnostic(Struct, frozen=True, kw_only=True):
    """What is wrong with an input, where (1-based; 0: unknown), and what to do about it."""

    path: str
    message: str
    remedy: str = ""
    line: int = 0
    column: int = 0
    severity: Literal["error", "warning"] = "error"


class CompiledFile(Struct, frozen=True, kw_only=True):
    """One source file: its calls in source order, what they could share, and what went wrong."""

    path: str
    calls: tuple[Call, ...] = ()
    opportunities: tuple[Opportunity, ...] = ()
    errors: tuple[Diagnostic, ...] = ()

    @property
    def is_broken(self) -> bool:
        """Whether an error, and not only a warning, came up in it."""
        return any(found.severity == "error" for found in self.errors)


class CompileResult(Struct, frozen=True):
    """What `charter-engine compile --json` prints."""

    files: tuple[CompiledFile, ...]
