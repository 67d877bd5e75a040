"""The deploy screen: a line for everything that can be known and done of a deployment, and each in
full."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from charter_engine.contracts.advice import DoctorReport
from charter_engine.contracts.deploy import Revision
from charter_engine.contracts.layout_preview import LayoutPreview
from charter_engine.contracts.trial import TrialReport
from charter_tui.present.advice import advice_lines, advice_state
from charter_tui.present.breaker import server_lines, server_state
from charter_tui.present.canary import canary_lines, canary_state
from charter_tui.present.drift import drift_lines, drift_state
from charter_tui.present.history import history_lines, live_state
from charter_tui.present.profile import profile_lines, profile_state
from charter_tui.present.push import push_lines, push_state
from charter_tui.present.spans import Line, Span, line
from charter_tui.present.tables import Column, Row, fill
from charter_tui.present.trial import trial_lines, trial_state
from charter_tui.present.watch import watch_lines, watch_state
from charter_tui.state import Snapshot

SubjectKey = Literal[
    "revisions", "push", "watch", "trial", "drift", "canary", "server", "profile", "advice"
]


@dataclass(frozen=True)
class Answers:
    """What the engine answered, beside what it tells by itself. None: it was not asked yet, or did
    not answer; of a trial `trouble` says why."""

    revisions: tuple[Revision, ...] | None = None
    preview: LayoutPreview | None = None
    trial: TrialReport | None = None
    trouble: str = ""
    advice: DoctorReport | None = None


@dataclass(frozen=True)
class Subject:
    """One line of the screen: what it says now, and all there is to it."""

    key: SubjectKey
    name: str
    state: Callable[[Snapshot, Answers], Line]
    lines: Callable[[Snapshot, Answers, int], tuple[Line, ...]]


SUBJECTS: Final = (
    Subject(
        "revisions",
        "Revisions",
        lambda snapshot, answers: live_state(snapshot, answers.revisions),
        lambda _, answers, width: history_lines(answers.revisions, width),
    ),
    Subject(
        "push",
        "Push",
        lambda snapshot, _: push_state(snapshot),
        lambda snapshot, answers, width: push_lines(snapshot, answers.preview, width),
    ),
    Subject(
        "watch",
        "Watch",
        lambda snapshot, _: watch_state(snapshot),
        lambda snapshot, _, width: watch_lines(snapshot, width),
    ),
    Subject(
        "trial",
        "Trial",
        lambda snapshot, answers: trial_state(snapshot, answers.trial),
        lambda snapshot, answers, width: trial_lines(
            snapshot, answers.trial, width, answers.trouble
        ),
    ),
    Subject(
        "drift",
        "Drift",
        lambda snapshot, _: drift_state(snapshot),
        lambda snapshot, _, width: drift_lines(snapshot, width),
    ),
    Subject(
        "canary",
        "Canary",
        lambda snapshot, _: canary_state(snapshot),
        lambda snapshot, _, width: canary_lines(snapshot, width),
    ),
    Subject(
        "server",
        "Server",
        lambda snapshot, _: server_state(snapshot),
        lambda snapshot, _, width: server_lines(snapshot, width),
    ),
    Subject(
        "profile",
        "Profile",
        lambda snapshot, _: profile_state(snapshot),
        lambda snapshot, _, width: profile_lines(snapshot, width),
    ),
    Subject(
        "advice",
        "Advice",
        lambda _, answers: advice_state(answers.advice),
        lambda _, answers, width: advice_lines(answers.advice, width),
    ),
)
_COLUMNS: Final = (Column("name", "DEPLOYMENT", 10, "left"), Column("state", "", 0, "left"))


def subject_columns(width: int) -> tuple[Column, ...]:
    """Columns for that width."""
    return fill(_COLUMNS, width)


def subject_rows(snapshot: Snapshot, answers: Answers) -> tuple[Row, ...]:
    """A row a subject; its key is the subject's."""
    return tuple(
        Row(one.key, (line(Span(one.name, "strong")), one.state(snapshot, answers)))
        for one in SUBJECTS
    )


def subject_lines(
    key: SubjectKey, snapshot: Snapshot, answers: Answers, width: int
) -> tuple[Line, ...]:
    """One subject in full."""
    return next(one for one in SUBJECTS if one.key == key).lines(snapshot, answers, width)
