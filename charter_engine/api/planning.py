"""Planning: what is asked for in, a plan with its reasons out; the same for every door."""

import os
from pathlib import Path

from msgspec.structs import replace

from charter_engine.api import plan_sources
from charter_engine.api.agents import OpenedAgent, warnings_of
from charter_engine.api.output_files import write_output
from charter_engine.api.plan_files import previous_plan, require_folder_of
from charter_engine.api.plan_inputs import given_inputs, layouts_left_out, requests_to_plan_on
from charter_engine.api.progress import Progress, Report, silent
from charter_engine.api.reuse_times_files import read_reuse_times, write_reuse_times
from charter_engine.api.times import latency_of
from charter_engine.api.tokenizers import open_tokenizer
from charter_engine.contracts.graph import CompiledFile
from charter_engine.contracts.notes import Note
from charter_engine.contracts.plan import Plan, Reason
from charter_engine.contracts.planning import (
    Derivation,
    Levers,
    PlanRequest,
    PlanResult,
    WaitsWritten,
)
from charter_engine.errors import UsageError
from charter_engine.executor.head_starts import HEAD_START_SECONDS
from charter_engine.kvcache.workload.columns import Workload
from charter_engine.plan.limits import within
from charter_engine.plan.plan_file import plan_schema
from charter_engine.plan.propose import WITHOUT_NODES, asked_of, propose, propose_without_agent
from charter_engine.plan.recorded_workload import RecordedWorkload
from charter_engine.plan.replan import replan
from charter_engine.plan.retention.online import room_of
from charter_engine.prompts.assembly import MissingInput

__all__ = ["plan", "plan_schema"]

NOT_KNOWN_TO_RELEASE = Reason(
    "never, left out: no --profile tells that the deployment can be told to forget", "assumed"
)


def plan(
    request: PlanRequest,
    opened: OpenedAgent | None = None,
    report: Report = silent,
    passed: Workload | None = None,
) -> PlanResult:
    """Find the best plan for what is asked, and write it where the request names a file. Blocks.

    `opened` is the request's agent where it was read already, with its inputs, and `passed` the
    workload that the request names where it is of no file. Raises `CharterError`; then nothing was
    written.
    """
    if not request.agent and not request.workload and opened is None:
        raise UsageError("no AGENT given", remedy="charter-engine plan agent.py")
    return _Planning(request, opened, report, passed).result()


class _Planning:
    """One request on its way to a plan."""

    def __init__(
        self,
        request: PlanRequest,
        opened: OpenedAgent | None,
        report: Report,
        passed: Workload | None,
    ) -> None:
        require_folder_of(request.output)
        self._passed = passed
        self._request = request
        self._report = report
        self._notes: list[Note] = []
        self._previous = previous_plan(Path(request.output)) if request.output else None
        self._latency = request.latency or latency_of(request.model, request.device)
        self._profile = plan_sources.profile_of(request)
        self._levers, self._left_out = self._limits()
        self._deployment = plan_sources.current_server(request, self._profile)
        self._compiled = self._agent(opened)
        self._notes += warnings_of(self._compiled) if self._compiled is not None else ()
        self._inputs = plan_sources.inputs_of(request, opened)
        self._preset_name, self._preset = plan_sources.preset_of(request, self._compiled)

    def result(self) -> PlanResult:
        """The plan, written where it is to be."""
        request = self._request
        recorded = self._recorded()
        try:
            derivation = (
                self._without_agent(recorded)
                if self._compiled is None
                else self._of_agent(self._compiled, recorded)
            )
        except MissingInput as missing:
            raise UsageError(str(missing), remedy=missing.remedy) from None
        except ValueError as error:
            raise UsageError(str(error), remedy="give --reuse-times, or another --policy") from None
        plan, written = self._with_reuse_times_named(derivation.plan, recorded)
        text = replan(plan, self._previous)
        if request.output:
            write_output(Path(request.output), text)
        return PlanResult(
            derivation=replace(derivation, plan=plan),
            text=text,
            preset=self._preset_name,
            preset_description=self._preset.description if self._preset_name else "",
            at_once=self._request.at_once,
            reuse_times_written=written,
            notes=tuple(self._notes),
        )

    def _limits(self) -> tuple[Levers, dict[str, Reason]]:
        """What the deployment leaves of the levers, and why not the rest. Raises `UsageError` for a
        policy it cannot take."""
        request = self._request
        levers, left_out = request.levers, dict[str, Reason]()
        if self._profile is not None:
            levers, left_out = within(levers, self._profile)
        else:
            levers = replace(levers, release=False)
            left_out["release"] = NOT_KNOWN_TO_RELEASE
        if request.policy not in (None, "default") and not levers.retention:
            alone = "--no-retention leaves retention alone"
            reason = left_out["policy"].text if "policy" in left_out else alone
            raise UsageError(f"--policy {request.policy}: {reason}", remedy="leave --policy out")
        return levers, left_out

    def _agent(self, opened: OpenedAgent | None) -> CompiledFile | None:
        if opened is not None:
            return opened.compiled
        return plan_sources.compiled_agent(self._request) if self._request.agent else None

    def _recorded(self) -> RecordedWorkload | None:
        if not self._request.workload:
            return None
        recorded, notes = plan_sources.recorded_workload(
            self._request,
            self._deployment,
            self._latency,
            self._compiled,
            self._report,
            self._passed,
        )
        self._notes += notes
        return recorded

    def _of_agent(self, compiled: CompiledFile, recorded: RecordedWorkload | None) -> Derivation:
        request = self._request
        reuse_times = read_reuse_times(Path(request.reuse_times)) if request.reuse_times else None
        encode = open_tokenizer(request.tokenizer).encode
        given = given_inputs(self._inputs, request.inputs_file)
        requests = requests_to_plan_on(compiled, given, recorded, encode)
        self._notes += requests.notes
        if recorded is not None and given is None:
            self._levers = replace(self._levers, layout=False)
            self._left_out["layout"] = layouts_left_out(recorded.name)
        return propose(
            requests.agent,
            requests.inputs,
            encode,
            self._deployment,
            latency=self._latency,
            preset=self._preset,
            objective=request.objective,
            levers=self._levers,
            policy=request.policy,
            model=reuse_times.model if reuse_times else None,
            left_out=self._left_out,
            recorded=recorded,
            workload=f"{requests.name}{_side_by_side(request.at_once)}",
            at_once=request.at_once,
            head_start_ms=HEAD_START_SECONDS * 1000 if request.at_once else 0.0,
            tell=lambda done, total: self._report(
                Progress("predicting layouts and settings", done, total)
            ),
        )

    def _without_agent(self, recorded: RecordedWorkload | None) -> Derivation:
        request = self._request
        assert recorded is not None
        if request.policy not in (None, *WITHOUT_NODES):
            raise UsageError(
                f"--policy {request.policy} is asked for by an agent's calls",
                remedy="name the AGENT, too",
            )
        asked = asked_of(
            self._preset, request.objective, self._levers, request.policy, self._left_out
        )
        return propose_without_agent(recorded, asked)

    def _with_reuse_times_named(
        self, plan: Plan, recorded: RecordedWorkload | None
    ) -> tuple[Plan, WaitsWritten | None]:
        """The plan with the reuse times it is decided by: those given, or those learnt, written
        beside the plan."""
        request = self._request
        if plan.policy != "next-use":
            return plan, None
        if request.reuse_times:
            name = os.path.relpath(request.reuse_times, Path(request.output).parent)
            return _named(plan, name, Reason(f"given: {request.reuse_times}", "measured")), None
        if recorded is None or recorded.model is None:
            return plan, None
        if not (request.output or request.reuse_times_output):
            self._notes.append(
                Note(
                    "the reuse times learnt are not kept",
                    "write the plan with -o FILE, and they are kept beside it",
                )
            )
            return plan, None
        model, variant = recorded.model, recorded.variant_under(plan.server)
        path = Path(request.output)
        path = (
            path.with_name(f"{path.stem}.waits.json")
            if request.output
            else Path(request.reuse_times_output)
        )
        written = write_reuse_times(
            path,
            model,
            (request.workload,),
            variant.pricing,
            room_of(recorded.deployment.pool_under(plan.server)) if variant.demotes else None,
        )
        words = (
            f"learnt from {model.requests:,} requests of {model.sessions:,} sessions of "
            f"{request.workload}; explains {model.explained:.0%} of when sessions not seen return"
        )
        name = path.name if request.output else str(path)
        return _named(plan, name, Reason(words, "measured")), written


def _side_by_side(at_once: int | None) -> str:
    """How many inputs the prediction takes to run at once, where that was asked for."""
    if at_once is None:
        return ""
    return ", one at a time" if at_once == 1 else f", {at_once} at once"


def _named(plan: Plan, reuse_times: str, why: Reason) -> Plan:
    return replace(plan, reuse_times=reuse_times, why={**plan.why, "waits": why})
