"""A layout tried on a share of the sessions, beside the others."""

from msgspec import Struct

from charter_engine.contracts.benching import Percentiles
from charter_engine.contracts.deploy import PushReport

ERROR_RATE = 0.05
"""Taken from custom: one trial in twenty that is within its margins may be stopped."""


class TrialMargins(Struct, frozen=True, kw_only=True):
    """How much worse the treated arm may be before a trial stops itself.

    Times by a part of the control's; `failures` and `check` by a share of all answers. All four
    together stop a trial that is within them with a chance below `error_rate`.
    """

    ttft: float = 0.1
    total: float = 0.1
    failures: float = 0.02
    check: float = 0.05
    error_rate: float = ERROR_RATE


class TrialRequest(Struct, frozen=True, kw_only=True):
    """How to judge a trial: by which traffic (a file; "": what the tap holds), margins, and check.

    `check` is a command that gets the answers of both arms, as JSON lines on standard input, and
    writes a line for each; or `json`: an answer must be valid JSON. "": none.
    """

    traffic: str = ""
    margins: TrialMargins = TrialMargins()
    check: str = ""


class StartTrial(Struct, frozen=True, kw_only=True):
    """Make the layouts of a plan file apply to a share of the sessions. `agent` is its source, if
    not where the plan says; `force` as for a push."""

    plan: str
    share: float
    agent: str | None = None
    note: str = ""
    force: bool = False


class ArmFigures(Struct, frozen=True, kw_only=True):
    """What one arm has shown. Means are over sessions, percentiles of `ttft` and `total` (ms) over
    answered requests; None where nothing is known."""

    arm: str
    sessions: int = 0
    requests: int = 0
    laid_out: int = 0
    failures: int = 0
    prompt_tokens: int = 0
    computed_tokens: int | None = None
    hit_rate: float | None = None
    ttft_ms: float | None = None
    total_ms: float | None = None
    ttft: Percentiles | None = None
    total: Percentiles | None = None
    output_tokens: float | None = None
    finish: dict[str, int] = {}
    checked: int = 0
    passed: int = 0


class ArmDifference(Struct, frozen=True, kw_only=True):
    """Treated minus control of one quality, with its 95 % interval.

    Where a margin is watched, `at_least` is by how much the treated arm lies beyond it, at least
    and at all times at once; above 0 it is `worse`.
    """

    quality: str
    treated: float
    control: float
    difference: float
    low: float
    high: float
    at_least: float | None = None
    worse: bool = False


class ServerTrial(Struct, frozen=True, kw_only=True):
    """What of a trial is live on one of several servers, and how many requests it tells of."""

    server: str
    revision: int
    share: float
    requests: int


class TrialReport(Struct, frozen=True, kw_only=True):
    """How a trial stands. `stop` says why it must be stopped ("": it need not), and `stopped` what
    was pushed to stop it.

    Of several servers the arms are of all together; `servers` tells of each, and `revision` and
    `share` are of the first.
    """

    revision: int = 0
    share: float = 1.0
    treated: ArmFigures = ArmFigures(arm="treated")
    control: ArmFigures = ArmFigures(arm="control")
    differences: tuple[ArmDifference, ...] = ()
    stop: str = ""
    stopped: PushReport | None = None
    notes: tuple[str, ...] = ()
    servers: tuple[ServerTrial, ...] = ()
