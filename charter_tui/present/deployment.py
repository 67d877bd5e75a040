"""The deploy screen: a line for everything that can be known and done of a deployment, and each in
full."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from charter_engine.contracts.advice import DoctorReport
from charter_engine.contracts.deploy import Revision
from charter_engine.contracts.layout_preview import LayoutPreview
from charter_engine.contracts.trial import TrialReport
from charter_tui.present.advice import advice_lines, advice_standing
from charter_tui.present.answers import answers_standing, answers_subject_lines
from charter_tui.present.breaker import server_lines, server_standing
from charter_tui.present.canary import canary_lines, canary_standing
from charter_tui.present.drift import drift_lines, drift_standing
from charter_tui.present.history import history_lines, live_standing
from charter_tui.present.profile import profile_lines, profile_standing
from charter_tui.present.push import push_lines, push_standing
from charter_tui.present.spans import Line, Span, line
from charter_tui.present.tables import Column, Row, fill
from charter_tui.present.trial import trial_lines, trial_standing
from charter_tui.present.watch import watch_lines, watch_standing
from charter_tui.present.words import Standing
from charter_tui.state import Snapshot

SubjectKey = Literal[
    "revisions",
    "push",
    "answers",
    "watch",
    "trial",
    "drift",
    "canary",
    "server",
    "profile",
    "advice",
]


@dataclass(frozen=True)
class Answers:
    """What the engine answered, beside what it tells by itself. None: it was not asked yet, or did
    not answer: `refused` says why, and of a trial `trouble`."""

    revisions: tuple[Revision, ...] | None = None
    preview: LayoutPreview | None = None
    trial: TrialReport | None = None
    trouble: str = ""
    refused: str = ""
    advice: DoctorReport | None = None


@dataclass(frozen=True)
class DeploySubject:
    """One line of the screen: what it says now, and all there is to it."""

    key: SubjectKey
    name: str
    standing: Callable[[Snapshot, Answers], Standing]
    lines: Callable[[Snapshot, Answers, int], tuple[Line, ...]]


SUBJECTS: Final = (
    DeploySubject(
        "revisions",
        "Revisions",
        lambda snapshot, answers: live_standing(snapshot, answers.revisions),
        lambda snapshot, answers, width: history_lines(
            snapshot, answers.revisions, width, answers.refused
        ),
    ),
    DeploySubject(
        "push",
        "Push",
        lambda snapshot, _: push_standing(snapshot),
        lambda snapshot, answers, width: push_lines(snapshot, answers.preview, width),
    ),
    DeploySubject(
        "answers",
        "Answers",
        lambda snapshot, _: answers_standing(snapshot),
        lambda snapshot, _, width: answers_subject_lines(snapshot, width),
    ),
    DeploySubject(
        "watch",
        "Watch",
        lambda snapshot, _: watch_standing(snapshot),
        lambda snapshot, _, width: watch_lines(snapshot, width),
    ),
    DeploySubject(
        "trial",
        "Trial",
        lambda snapshot, answers: trial_standing(snapshot, answers.trial),
        lambda snapshot, answers, width: trial_lines(
            snapshot, answers.trial, width, answers.trouble
        ),
    ),
    DeploySubject(
        "drift",
        "Drift",
        lambda snapshot, _: drift_standing(snapshot),
        lambda snapshot, _, width: drift_lines(snapshot, width),
    ),
    DeploySubject(
        "canary",
        "Canary",
        lambda snapshot, _: canary_standing(snapshot),
        lambda snapshot, _, width: canary_lines(snapshot, width),
    ),
    DeploySubject(
        "server",
        "Server",
        lambda snapshot, _: server_standing(snapshot),
        lambda snapshot, _, width: server_lines(snapshot, width),
    ),
    DeploySubject(
        "profile",
        "Profile",
        lambda snapshot, _: profile_standing(snapshot),
        lambda snapshot, _, width: profile_lines(snapshot, width),
    ),
    DeploySubject(
        "advice",
        "Advice",
        lambda snapshot, answers: advice_standing(snapshot, answers.advice, answers.refused),
        lambda snapshot, answers, width: advice_lines(
            snapshot, answers.advice, width, refused=answers.refused
        ),
    ),
)
_COLUMNS: Final = (
    Column("name", "DEPLOYMENT", 10, "left"),
    Column("state", "", 24, "left"),
    Column("more", "", 0, "left"),
)


def subject_columns(width: int) -> tuple[Column, ...]:
    """Columns for that width."""
    return fill(_COLUMNS, width)


def subject_rows(snapshot: Snapshot, answers: Answers) -> tuple[Row, ...]:
    """A row a subject; its key is the subject's."""
    standings = ((one, one.standing(snapshot, answers)) for one in SUBJECTS)
    return tuple(
        Row(one.key, (line(Span(one.name, "strong")), line(found.state), found.more))
        for one, found in standings
    )


def subject_lines(
    key: SubjectKey, snapshot: Snapshot, answers: Answers, width: int
) -> tuple[Line, ...]:
    """One subject in full, under its name where it has no title of its own."""
    subject = next(one for one in SUBJECTS if one.key == key)
    lines = subject.lines(snapshot, answers, width)
    is_titled = bool(lines and lines[0]) and lines[0][0].tone == "title"
    return lines if is_titled else (line(Span(subject.name, "title")), *lines)
