"""The forms of what takes a while, and what is asked of the engine with what was typed."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from charter_engine.contracts.commands import Command, FindPlan, ProposePlan
from charter_engine.contracts.gauges import WorkKind
from charter_engine.contracts.moments import Mistyped
from charter_tui.present.confirmation import Confirmation
from charter_tui.screens.confirm import Confirm
from charter_tui.screens.form import Field, FormScreen, Submit, some_path
from charter_tui.typed import parse_choice
from charter_tui.work_requests import (
    DECIDE_AT,
    EXTENTS,
    LEVERS,
    OBJECTIVES,
    OWN_SERVERS,
    PLACES,
    POLICIES,
    QUICK,
    Values,
    answers_command,
    bench_command,
    calibrate_command,
    check_settings,
    learn_command,
    optional,
    optional_count,
    parse_levers,
    parse_policies,
    plan_request,
    predict_command,
    some_paths,
)

if TYPE_CHECKING:
    from charter_tui.console import Console

REFUSAL_SECONDS: Final = 1.0
"""A refusal comes at once and is kept in the form; what takes longer is being worked out."""
_RECORDED: Final = "recording, trace or sessions"
_ON_DEPLOYMENT: Final = Confirmation(
    title="Measure on the live deployment?",
    consequences=(
        "It gets the benchmark's load beside its own.",
        "Whatever else is sent meanwhile distorts the figures.",
    ),
    verb="Measure",
)
_ASKED_OF_DEPLOYMENT: Final = Confirmation(
    title="Ask the live deployment?",
    consequences=(
        "It answers every input twice, one request after another.",
        "Nothing of it is changed: layouts go with the requests.",
    ),
    verb="Compare",
)
_LEVERS_OFF: Final = Field(
    "without", "levers off", hint="such as layout, host_tier", check=parse_levers, choices=LEVERS
)
PLAN_FIELDS: Final = (
    Field("workload", "workload", hint="recording, trace; empty: inputs"),
    Field("reuse_times", "reuse times", hint="a learnt file; empty: none"),
    Field("preset", "preset", hint="a name or none; empty: by shape"),
    Field(
        "objective",
        "objective",
        hint=", ".join(OBJECTIVES),
        check=lambda text: optional(text, OBJECTIVES),
        choices=OBJECTIVES,
    ),
    Field(
        "policy",
        "policy",
        hint=", ".join(POLICIES),
        check=lambda text: optional(text, POLICIES),
        choices=POLICIES,
    ),
    _LEVERS_OFF,
    Field("output", "write plan to", hint="a file to keep; empty: none"),
)


def work_form(app: "Console", kind: WorkKind) -> FormScreen:
    """The form of that kind of work."""
    forms: dict[WorkKind, Callable[[Console], FormScreen]] = {
        "plan": _plan_form,
        "predict": _sweep_form,
        "learn": _learn_form,
        "calibrate": _calibrate_form,
        "bench": _bench_form,
        "answers": _answers_form,
    }
    return forms[kind](app)


def proposal_form(app: "Console", follow: Callable[[Awaitable[object]], None]) -> FormScreen:
    """The form for a proposal that becomes the draft; `follow` waits for one that is being worked
    out."""
    revision = app.snapshot.revision

    async def submit(values: dict[str, str]) -> None:
        command = ProposePlan(base_revision=revision, request=plan_request(values))
        proposal = asyncio.ensure_future(app.ask(command))
        done, _ = await asyncio.wait({proposal}, timeout=REFUSAL_SECONDS)
        if done:
            proposal.result()
        else:
            follow(proposal)

    return FormScreen(
        "Propose a plan",
        PLAN_FIELDS,
        submit,
        note="It becomes the draft. Nothing is live before a push.",
        verb="Propose",
    )


def _plan_form(app: "Console") -> FormScreen:
    return FormScreen(
        "Plan",
        PLAN_FIELDS,
        _asking(app, lambda values: FindPlan(request=plan_request(values))),
        note="For the open agent on the live deployment. The draft stays as it is.",
        verb="Plan",
    )


def _sweep_form(app: "Console") -> FormScreen:
    fields = (
        Field("workload", "workload", hint=_RECORDED, check=some_path),
        Field(
            "settings",
            "settings",
            "tokens_per_block=16,32,64",
            "key=value,value key=value …",
            check=check_settings,
        ),
        Field(
            "policies",
            "policies",
            hint="all, or such as steps, next-use",
            check=parse_policies,
        ),
        Field("reuse_times", "reuse times", hint="for next-use; empty: one half"),
        Field("latency", "calibrated times", hint="what calibrate --json printed"),
    )
    return FormScreen(
        "Sweep settings",
        fields,
        _asking(app, predict_command),
        note="Predicts every combination. gpu_tokens and host_tokens give the pool's size.",
        verb="Sweep",
    )


def _learn_form(app: "Console") -> FormScreen:
    fields = (
        Field("sources", "from", hint="recordings, …, with commas", check=some_paths),
        Field("output", "write to", hint="reuse_times.json; empty: none"),
        Field(
            "decide_at",
            "decide",
            "sent",
            "sent or answered",
            check=lambda text: parse_choice(text, DECIDE_AT),
            choices=DECIDE_AT,
        ),
    )
    return FormScreen(
        "Learn reuse times",
        fields,
        _asking(app, learn_command),
        note="The policy next-use decides by them: name the file in a plan's form.",
        verb="Learn",
    )


def _calibrate_form(app: "Console") -> FormScreen:
    recording = app.snapshot.recording
    written = recording.path if recording else ""
    return FormScreen(
        "Calibrate times",
        (Field("recording", "recording", written, "of a run that was measured", check=some_path),),
        _asking(app, calibrate_command),
        note="Predictions use the fitted times until the next run is measured.",
        verb="Calibrate",
    )


def _bench_form(app: "Console") -> FormScreen:
    fields = (
        Field("plan", "plan", hint="plan.yaml; empty: Charter's own"),
        _LEVERS_OFF,
        Field("count", "iterations", hint="how many; empty: as usual", check=optional_count),
        Field(
            "max_tokens", "tokens a call", hint="at most; empty: as written", check=optional_count
        ),
        Field(
            "extent",
            "extent",
            QUICK,
            ", or ".join(EXTENTS),
            check=lambda text: parse_choice(text, EXTENTS),
            choices=EXTENTS,
        ),
        Field(
            "place",
            "measured on",
            OWN_SERVERS,
            "its own, or the deployment",
            check=lambda text: parse_choice(text, PLACES),
            choices=PLACES,
        ),
    )

    async def submit(values: dict[str, str]) -> None:
        command = bench_command(values)
        if command.on_deployment and not await app.push_screen_wait(Confirm(_ON_DEPLOYMENT)):
            raise Mistyped("Nothing was started.")
        await app.ask(command)

    return FormScreen(
        "Benchmark",
        fields,
        submit,
        note="Takes minutes. Runs and pushes wait until it has ended or was cancelled.",
        verb="Measure",
    )


def _answers_form(app: "Console") -> FormScreen:
    fields = (
        Field("count", "input sets", "3", "the first so many; empty: all", check=optional_count),
        Field(
            "max_tokens", "tokens a call", hint="at most; empty: as written", check=optional_count
        ),
        Field("check", "check", hint="json, or a command; empty: none"),
    )

    async def submit(values: dict[str, str]) -> None:
        command = answers_command(values)
        if not await app.push_screen_wait(Confirm(_ASKED_OF_DEPLOYMENT)):
            raise Mistyped("Nothing was started.")
        await app.ask(command)

    return FormScreen(
        "Compare answers",
        fields,
        submit,
        note="Of the draft, before it is pushed. A check reads JSON lines and says true or false.",
        verb="Compare",
    )


def _asking(app: "Console", command: Callable[[Values], Command]) -> Submit:
    async def submit(values: dict[str, str]) -> None:
        await app.ask(command(values))

    return submit
