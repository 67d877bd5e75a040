"""What is asked of the engine by what was typed into the forms of the work screen."""

from collections.abc import Mapping
from typing import Final, cast, get_args

from charter_engine.contracts.answers import AnswersRequest
from charter_engine.contracts.benching import BenchRequest
from charter_engine.contracts.commands import Bench, Calibrate, CompareAnswers, Learn, Predict
from charter_engine.contracts.learning import CalibrateRequest, DecideAt, LearnRequest
from charter_engine.contracts.moments import Mistyped
from charter_engine.contracts.plan import Lever, Policy
from charter_engine.contracts.planning import Levers, Objective, PlanRequest
from charter_engine.contracts.predicting import SWEPT_SETTINGS, PredictRequest
from charter_tui.console import full_path
from charter_tui.typed import listed, parse_choice, parse_count

Values = Mapping[str, str]
POLICIES: Final[tuple[str, ...]] = get_args(Policy)
OBJECTIVES: Final[tuple[str, ...]] = get_args(Objective)
LEVERS: Final[tuple[str, ...]] = get_args(Lever)
DECIDE_AT: Final[tuple[str, ...]] = get_args(DecideAt)
QUICK: Final = "quick"
EXTENTS: Final = (QUICK, "whole")
OWN_SERVERS, THE_DEPLOYMENT = "servers of its own", "the deployment"
PLACES: Final = (OWN_SERVERS, THE_DEPLOYMENT)


def plan_request(values: Values) -> PlanRequest:
    """What was typed, as it is asked of the planner. Raises `Mistyped`."""
    return PlanRequest(
        workload=maybe_path(values["workload"]),
        reuse_times=maybe_path(values["reuse_times"]),
        preset=values["preset"].strip(),
        objective=cast("Objective | None", optional(values["objective"], OBJECTIVES)),
        policy=cast("Policy | None", optional(values["policy"], POLICIES)),
        levers=Levers(**dict.fromkeys(parse_levers(values["without"]), False)),
        output=maybe_path(values["output"]),
    )


def predict_command(values: Values) -> Predict:
    """What was typed, as it is asked of the predictor. Raises `Mistyped`."""
    request = PredictRequest(
        workload=full_path(values["workload"]),
        policies=parse_policies(values["policies"]),
        reuse_times=maybe_path(values["reuse_times"]),
        latency=maybe_path(values["latency"]),
    )
    return Predict(request=request, settings=tuple(values["settings"].split()))


def learn_command(values: Values) -> Learn:
    """What was typed, as it is to be learnt from. Raises `Mistyped`."""
    return Learn(
        request=LearnRequest(
            sources=tuple(full_path(path) for path in listed(values["sources"])),
            output=maybe_path(values["output"]),
            decide_at=cast("DecideAt", parse_choice(values["decide_at"], DECIDE_AT)),
        )
    )


def calibrate_command(values: Values) -> Calibrate:
    """What was typed, as it is to be fitted to."""
    return Calibrate(request=CalibrateRequest(recording=full_path(values["recording"])))


def bench_command(values: Values) -> Bench:
    """What was typed, as it is to be measured. Raises `Mistyped`."""
    times = optional_count(values["count"])
    request = BenchRequest(
        agent="",
        plan=maybe_path(values["plan"]) or None,
        without=parse_levers(values["without"]),
        iterations=times,
        passes=times,
        max_tokens=optional_count(values["max_tokens"]),
        quick=parse_choice(values["extent"], EXTENTS) == QUICK,
    )
    place = parse_choice(values["place"], PLACES)
    return Bench(request=request, on_deployment=place == THE_DEPLOYMENT)


def answers_command(values: Values) -> CompareAnswers:
    """What was typed, as answers are to be compared. Raises `Mistyped`."""
    request = AnswersRequest(
        agent="",
        iterations=optional_count(values["count"]),
        max_tokens=optional_count(values["max_tokens"]),
        check=values["check"].strip(),
    )
    return CompareAnswers(request=request)


def maybe_path(text: str) -> str:
    """A typed path as the engine needs it; empty for none."""
    return full_path(text) if text.strip() else ""


def some_paths(text: str) -> None:
    """Raises `Mistyped` where no path was typed."""
    if not listed(text):
        raise Mistyped("Give the path of a file, or several with commas between them.")


def optional(text: str, choices: tuple[str, ...]) -> str | None:
    """One of `choices`, or nothing. Raises `Mistyped`."""
    return parse_choice(text, choices) if text.strip() else None


def optional_count(text: str) -> int | None:
    """A whole number from 1, or nothing. Raises `Mistyped`."""
    return parse_count(text) if text.strip() else None


def parse_levers(text: str) -> tuple[Lever, ...]:
    """Levers with commas between them. Raises `Mistyped`."""
    named = [parse_choice(name.replace(" ", "_"), LEVERS) for name in listed(text)]
    return cast("tuple[Lever, ...]", tuple(dict.fromkeys(named)))


def parse_policies(text: str) -> tuple[Policy, ...]:
    """Those named, and `default`, which the others are held against. Raises `Mistyped`."""
    if text.strip() == "all":
        return get_args(Policy)
    named = {parse_choice(name, POLICIES) for name in listed(text)}
    chosen = [name for name in POLICIES if named and name in {"default", *named}]
    return cast("tuple[Policy, ...]", tuple(chosen))


def check_settings(text: str) -> None:
    """Raises `Mistyped` for what is no setting with its values; the engine checks the values."""
    for assignment in text.split():
        key, _, value = assignment.partition("=")
        if key not in SWEPT_SETTINGS:
            known = ", ".join(SWEPT_SETTINGS)
            raise Mistyped(f"{key!r} is not a setting; known are {known}")
        if not value:
            raise Mistyped(f"{key} has no value; write {key}=value,value")
