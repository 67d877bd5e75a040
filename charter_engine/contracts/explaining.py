"""Why tokens of a prompt were computed although they might have been reused, and what that
costs."""

from typing import Literal

from msgspec import Struct

from charter_engine.contracts.figures import Label
from charter_engine.contracts.notes import Note

Part = Literal["reused", "new", "diverged", "evicted", "rounding", "scope", "server"]
"""What became of a token of a prompt.

`reused`: it came out of the cache. `new`: it was never seen. `diverged`: it was seen, but behind
another beginning. `evicted`: it was in the cache and had to go. `rounding`: it was in the cache and
is computed all the same, since blocks are reused whole and the last token never. `scope`: it is in
the cache under another salt or adapter. `server`: it should have been there and the server did not
give it.
"""

CauseKind = Literal[
    "time stamp",
    "date",
    "identifier",
    "counter",
    "gateway",
    "tool order",
    "key order",
    "item order",
    "thinking dropped",
    "history trimmed",
    "history rewritten",
    "retokenised",
    "whitespace",
    "system prompt",
    "variable",
    "other text",
    "evicted",
    "block size",
    "salt",
    "adapter",
    "still computing",
    "reuse off",
    "elsewhere",
    "new text",
]
"""What kind of cause it is. Those up to `other text` are of a divergence."""


class PromptParts(Struct, frozen=True, kw_only=True):
    """The tokens of a prompt, or of several, told apart; see `Part`. They add up to the prompt."""

    reused: int = 0
    new: int = 0
    diverged: int = 0
    evicted: int = 0
    rounding: int = 0
    scope: int = 0
    server: int = 0

    @property
    def total(self) -> int:
        """The tokens of the prompt."""
        return self.reused + self.new + self.again

    @property
    def again(self) -> int:
        """The tokens that were computed although they had been computed before."""
        return self.diverged + self.evicted + self.rounding + self.scope + self.server


class WordChange(Struct, frozen=True):
    """A run of words around a divergence: in both prompts, only as it `stood` in the earlier one,
    or only as it `stands` in this one."""

    kind: Literal["same", "stood", "stands"]
    text: str


class Divergence(Struct, frozen=True, kw_only=True):
    """Where a prompt leaves an earlier one.

    `token` is the first that differs, counted from 0; unless it is `exact`, it is the first of the
    16 among which that one is. `followed` names the earlier request, and `followed_tokens` is how
    long its prompt was. `words` is the text around the place as a word diff; empty where no text
    is known, and `no_words` says why.
    """

    token: int
    exact: bool = False
    followed: str = ""
    followed_at: float = 0.0
    followed_tokens: int = 0
    same_session: bool = False
    words: tuple[WordChange, ...] = ()
    no_words: str = ""


class MissCause(Struct, frozen=True, kw_only=True):
    """Why tokens were computed again, by what it can be told, and what to do about it.

    `segment` is what of the node's prompt stands there, with its place in the source where the
    agent is known.
    """

    kind: CauseKind
    evidence: str = ""
    remedy: str = ""
    segment: str = ""
    path: str = ""
    line: int = 0


class MissCost(Struct, frozen=True, kw_only=True):
    """What requests of the same node and cause cost: tokens computed again, and how many that makes
    an hour at the rate at which they came over `seconds`; None where that is too short a time to
    tell, or where no times are told (0)."""

    tokens: int
    requests: int
    tokens_per_hour: float | None
    seconds: float


class MissExplanation(Struct, frozen=True, kw_only=True):
    """One request told apart.

    `request` names it: its number at the tap, or its line in a log. `reused_label` says whether
    what was reused is `measured`, or `predicted` where the server does not tell;
    `predicted_reused` is what the block manager gives on the traffic with the measured pool, None
    where that is not known. `diverged_label` is `assumed` where the tokens seen before are only as
    many as the earlier prompt had behind the divergence. `cause` is that of most of what was
    computed again. `notes` limit what is told.
    """

    request: str
    at: float = 0.0
    session: str = ""
    node: str = ""
    prompt_tokens: int = 0
    parts: PromptParts = PromptParts()
    reused_label: Label = "measured"
    predicted_reused: int | None = None
    diverged_label: Label = "measured"
    divergence: Divergence | None = None
    cause: MissCause = MissCause(kind="new text")
    cost: MissCost | None = None
    notes: tuple[str, ...] = ()


class MissGroup(Struct, frozen=True, kw_only=True):
    """What was computed again of one node for one cause in one hour.

    `hour` is the epoch second at which the hour begins. `tokens_per_hour` is None where the traffic
    lasted too short a time to tell. `mended_tokens` is how many fewer tokens would have been
    computed had the cause not been, by the block manager; None where that cannot be told. `label`
    is `assumed` where hashes alone tell: `tokens` are then as many as can be. `example` names a
    request.
    """

    cause: CauseKind
    node: str = ""
    hour: float = 0.0
    label: Label = "measured"
    requests: int = 0
    tokens: int = 0
    tokens_per_hour: float | None = None
    mended_tokens: int | None = None
    example: str = ""
    remedy: str = ""


class MissReport(Struct, frozen=True, kw_only=True):
    """What of some traffic was computed again, the most tokens first.

    It lasted `seconds`, between the first and the last request whose time is told. `hours` are the
    groups by hour; `causes` the same over all hours. `predicted_reused` is what the
    block manager gives on it with the pool, beside what was measured in `parts`. `lost` counts
    requests whose records could not be read any more.
    """

    requests: int = 0
    begin: float | None = None
    end: float | None = None
    seconds: float = 0.0
    parts: PromptParts = PromptParts()
    predicted_reused: int | None = None
    causes: tuple[MissGroup, ...] = ()
    hours: tuple[MissGroup, ...] = ()
    lost: int = 0
    notes: tuple[Note, ...] = ()


class MissQuery(Struct, frozen=True, kw_only=True):
    """Which requests to explain: one by its `request` name, those of a `session`, or the `last` so
    many. Empty and None: the last one.

    Of a deployment, `request_id` names one as Triton and the gateway do (`X-Request-Id`). `agent`
    is a file or folder whose calls the nodes are. `with_text` False leaves the words out.
    """

    request: str = ""
    request_id: str = ""
    session: str = ""
    last: int | None = None
    agent: str = ""
    with_text: bool = True


class LogQuery(Struct, frozen=True, kw_only=True):
    """A log to explain without any server.

    `tokenizer` is a tokenizer.json; empty: the embedded engine's, which is *assumed*. The pool is
    of `pool_tokens` in blocks of `tokens_per_block`; None: nothing is ever evicted.
    """

    log: str
    strict: bool = False
    tokenizer: str = ""
    tokens_per_block: int = 32
    pool_tokens: int | None = None
    which: MissQuery = MissQuery()


class MissResult(Struct, frozen=True, kw_only=True):
    """The requests that were asked for, oldest first, and what the operator should know beside."""

    explanations: tuple[MissExplanation, ...] = ()
    report: MissReport = MissReport()
    notes: tuple[Note, ...] = ()
