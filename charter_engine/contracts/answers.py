"""Whether a plan changes what a model answers: each answer as written beside the one as planned."""

from msgspec import Struct

from charter_engine.contracts.benching import BenchRequest
from charter_engine.contracts.plan import Plan


class AnswersRequest(BenchRequest, frozen=True, kw_only=True):
    """Ask an agent's calls as written and under a plan, one after another and greedily, over its
    inputs as they are.

    `iterations` is how many of its input sets (None: all). `check` is `json`, or a command that
    reads answers, a JSON line each, and says `true` or `false` of each (empty: none).
    """

    check: str = ""


class AnswerFigures(Struct, frozen=True, kw_only=True):
    """The answers of one arm: how many there are, how many of them are valid JSON and pass the
    user's check (None: there is none), and how many tokens they have on average."""

    answers: int
    valid_json: int
    tokens: float
    passed: int | None = None


class AnswerPair(Struct, frozen=True, kw_only=True):
    """What one call answered as written and as planned.

    `item` and `iteration`, the pass of its loop, count from 0. `differs_at` is the first character
    at which the two differ (None: they are equal). A pair is `carried` where an earlier answer that
    the prompt holds differed already.
    """

    node: str
    item: int
    iteration: int
    written: str
    planned: str
    differs_at: int | None
    carried: bool
    written_tokens: int
    planned_tokens: int

    @property
    def is_equal(self) -> bool:
        return self.differs_at is None


class NodeAnswers(Struct, frozen=True, kw_only=True):
    """One call's answers. `carried` are the differing ones that follow an earlier difference."""

    node: str
    pairs: int
    equal: int
    carried: int
    written: AnswerFigures
    planned: AnswerFigures


class AnswersReport(Struct, frozen=True, kw_only=True):
    """What `charter-engine bench --answers --json` prints. `verdict` is what it comes to, in words.

    The server's own noise: of `repeated` answers as written, asked once more, `repeated_equal` came
    the same. `check` is the user's. Not `complete`: it was interrupted, or a server was `lost`.
    """

    agent: str
    target: str
    inputs: str
    check: str
    verdict: str
    nodes: tuple[NodeAnswers, ...]
    pairs: tuple[AnswerPair, ...]
    repeated: int
    repeated_equal: int
    plan: Plan
    failures: int = 0
    errors: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    complete: bool = True
    lost: str = ""

    @property
    def differing(self) -> list[AnswerPair]:
        """The pairs that differ, those by the plan alone first."""
        found = [pair for pair in self.pairs if not pair.is_equal]
        return sorted(found, key=lambda pair: pair.carried)
