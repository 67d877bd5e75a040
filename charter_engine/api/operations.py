"""What can be asked of files alone: prompts linted, logs explained, settings predicted, reuse times
learnt, times calibrated."""

from collections.abc import Iterable
from typing import Literal

from charter_engine.api import calibrating, learning, linting, log_files, predicting
from charter_engine.api.forms import asynchronous
from charter_engine.api.given import (
    GivenLatency,
    PathLike,
    Sweep,
    checked,
    combinations,
    latency_from,
    text_of,
)
from charter_engine.api.progress import Progress, Report, silent
from charter_engine.api.results import Result
from charter_engine.bls.retention import DecideAt
from charter_engine.contracts.compiling import TOKENS_PER_BLOCK
from charter_engine.contracts.explaining import LogQuery, MissQuery, MissResult
from charter_engine.contracts.learning import (
    CalibrateRequest,
    CalibrateResult,
    LearnRequest,
    LearnResult,
)
from charter_engine.contracts.lint import LintReport, LintRequest
from charter_engine.contracts.plan import Policy
from charter_engine.contracts.pool import OtherPool
from charter_engine.contracts.predicting import PredictRequest, PredictResult
from charter_engine.contracts.workload_files import ReadAs, TimeUnit


def lint(
    *paths: PathLike,
    config: PathLike | None = None,
    off: Iterable[str] = (),
    tokenizer: PathLike | None = None,
    tokens_per_block: int = TOKENS_PER_BLOCK,
    report: Report = silent,
) -> Result[LintReport]:
    """The places in files and folders where prompts waste their cache, with the tokens each costs a
    call.

    `config` is a TOML file with a table `[lint]`; the rules of `off` are left out.
    `tokens_per_block` is the deployment's block size. Raises `UsageError`.
    """
    request = LintRequest(
        paths=tuple(map(str, paths)),
        config=text_of(config) or None,
        off=tuple(off),
        tokenizer=text_of(tokenizer) or None,
        tokens_per_block=tokens_per_block,
    )
    return Result(linting.lint(checked(request), report))


def explain(
    log: PathLike,
    request: str = "",
    *,
    session: str = "",
    last: int | None = None,
    agent: PathLike | None = None,
    tokenizer: PathLike | None = None,
    tokens_per_block: int = TOKENS_PER_BLOCK,
    pool_tokens: int | None = None,
    strict: bool = False,
    with_text: bool = True,
) -> Result[MissResult]:
    """Why the requests of a log missed what they missed: one by its line, those of a `session`, or
    the `last` so many (none of these: the last one), and all together by cause.

    `agent` is a file or folder of source whose variables are named. The server's pool is of
    `pool_tokens` in blocks of `tokens_per_block`; None: nothing is ever evicted (*assumed*).
    Without `with_text` no words of the prompts are told. Raises `UsageError`.
    """
    query = LogQuery(
        log=str(log),
        strict=strict,
        tokenizer=text_of(tokenizer),
        tokens_per_block=tokens_per_block,
        pool_tokens=pool_tokens,
        which=MissQuery(
            request=request, session=session, last=last, agent=text_of(agent), with_text=with_text
        ),
    )
    return Result(log_files.explain_log(checked(query)))


def predict(
    workload: PathLike,
    *,
    sweep: Sweep | None = None,
    plan: PathLike | None = None,
    policies: Iterable[Policy] = (),
    pools: Iterable[OtherPool] = (),
    reuse_times: PathLike | None = None,
    learn_from: PathLike | None = None,
    decide_at: DecideAt = "sent",
    timing: Literal["instant", "timed"] | None = None,
    curve: bool = False,
    bracket: bool = True,
    model: str = "llama-3.1-8b",
    device: str = "h100",
    latency: GivenLatency | None = None,
    strict: bool = False,
    block_tokens: int | None = None,
    time_unit: TimeUnit | None = None,
    tokenizer: PathLike | None = None,
    jobs: int = 1,
    report: Report = silent,
) -> Result[PredictResult]:
    """What settings would do on a workload: computed tokens, times in milliseconds, rates of 0
    to 1.

    `sweep` gives the block manager's settings by name, each with the values to compare; all
    combinations are predicted: `{"tokens_per_block": [16, 32], "gpu_tokens": [100_000]}`. Each is
    predicted under every one of `policies`, `default` among them, or with the retention of the file
    `plan`. `pools` adds the pools of other managers, `curve` adds LRU hit rates over pool sizes;
    without `bracket` default LRU and the optimum are left out. `block_tokens`, `time_unit` and
    `tokenizer` are what the workload's file does not say of itself. The others are those of
    `contracts.predicting.PredictRequest`.

    With `jobs` above 1 settings are predicted in processes of their own; a script then needs the
    guard `if __name__ == "__main__"`. Raises `UsageError`.
    """
    request = PredictRequest(
        workload=str(workload),
        strict=strict,
        read_as=ReadAs(
            block_tokens=block_tokens, time_unit=time_unit, tokenizer=text_of(tokenizer)
        ),
        settings=tuple(combinations(sweep)),
        plan=text_of(plan),
        policies=tuple(policies),
        pools=tuple(pools),
        reuse_times=text_of(reuse_times),
        learn_from=text_of(learn_from),
        decide_at=decide_at,
        timing=timing,
        curve=curve,
        bracket=bracket,
        model=model,
        device=device,
        jobs=jobs,
    )
    fitted = latency_from(latency, model, device)
    return Result(predicting.predict(checked(request), report, fitted))


def learn(
    *sources: PathLike,
    output: PathLike | None = None,
    decide_at: DecideAt = "sent",
    strict: bool = False,
    report: Report = silent,
) -> Result[LearnResult]:
    """When prompts come back, learnt from the sessions of recordings, workloads and agent sessions.

    Reuse times are in seconds, *measured*. They are written to the file `output`, which `plan` and
    `predict` take as `reuse_times`. Raises `CharterError`; then nothing was written.
    """
    request = LearnRequest(
        sources=tuple(map(str, sources)),
        output=text_of(output),
        decide_at=decide_at,
        strict=strict,
    )
    return Result(learning.learn(checked(request), report))


def calibrate(recording: PathLike, *, report: Report = silent) -> Result[CalibrateResult]:
    """The latency model fitted to measured requests, and how far it is off: a recording, the JSON
    of a run, or request records. `plan` and `predict` take it as `latency`. Times are in
    milliseconds. Raises `UsageError`."""
    report(Progress("fitting the latency model"))
    return Result(calibrating.calibrate(CalibrateRequest(recording=str(recording))))


lint_async = asynchronous(lint)
explain_async = asynchronous(explain)
predict_async = asynchronous(predict)
learn_async = asynchronous(learn)
calibrate_async = asynchronous(calibrate)
