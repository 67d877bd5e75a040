"""Everything a key can do, in one table.

It feeds the footer, the command palette, the help and the cheat sheet.

An action is a method `action_<name>` of the class its scope names. `risk` says what it touches:
`view` only the console, `live` an engine that is not replaying, `run` the load on the deployment,
`write` its settings; the last two are refused in read-only mode too. `replay` actions exist only in
a replay, or while the screen is frozen. No default key is one that terminal multiplexers take
(ctrl+a, b, d, k, j).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Scope = Literal[
    "app",
    "table",
    "graph",
    "node",
    "tuning",
    "sweep",
    "history",
    "revision",
    "deploy",
    "findings",
    "work",
    "runs",
    "requests",
    "request",
    "cache",
    "sessions",
    "recordings",
    "recorded",
    "gpu",
    "fleet",
    "server",
    "series",
    "replay",
]
Risk = Literal["view", "live", "run", "write", "replay"]


EVERYWHERE: Final[tuple[Scope, ...]] = ("app", "table", "replay")
"""Scopes whose keys do something on every screen, or on every one with a table."""


@dataclass(frozen=True)
class Action:
    """One action.

    `footer` shows it there, or only where there is `room` behind the others; `palette` offers it in
    the command palette; `call` is the method with its argument where the name alone is not enough.
    """

    scope: Scope
    name: str
    keys: str
    label: str
    about: str
    risk: Risk = "view"
    footer: bool | Literal["room"] = False
    palette: bool = True
    key_display: str | None = None
    call: str = ""

    @property
    def id(self) -> str:
        """The name a keymap knows it by."""
        return f"{self.scope}.{self.name}"

    @property
    def action(self) -> str:
        """The action as Textual parses it."""
        return self.call or self.name


ACTIONS: Final[tuple[Action, ...]] = (
    Action(
        "app",
        "show_graph",
        "1,g",
        "Graph",
        "The agent's calls and what each took from the cache",
        footer=True,
    ),
    Action(
        "app",
        "show_tuning",
        "2,t",
        "Tuning",
        "The draft beside what is live, and push",
        footer=True,
    ),
    Action(
        "app",
        "show_history",
        "3,h",
        "History",
        "Pushed revisions, and the way back to each",
        footer=True,
    ),
    Action(
        "app",
        "show_findings",
        "4,f",
        "Findings",
        "The prompt lint, and where calls could share blocks",
        footer="room",
    ),
    Action(
        "app",
        "show_work",
        "5",
        "Work",
        "Plan on a workload, sweep settings, learn, calibrate, benchmark",
        footer="room",
    ),
    Action(
        "app", "show_runs", "6", "Runs", "Every run, and two of them side by side", footer="room"
    ),
    Action(
        "app",
        "show_requests",
        "7",
        "Requests",
        "What passes through the deployment, and why it missed",
        footer="room",
    ),
    Action(
        "app",
        "show_gpu",
        "8",
        "GPU",
        "What GPU memory holds, its pace, traffic and processes",
        footer="room",
    ),
    Action(
        "app",
        "show_deploy",
        "9,d",
        "Deploy",
        "The deployment: push, trial, drift, canary and what is wrong",
        footer="room",
    ),
    Action(
        "app",
        "show_cache",
        "0,C",
        "Cache",
        "What lies in the pool, who holds it, and what had to go",
        footer="room",
        key_display="0",
    ),
    Action(
        "app",
        "show_sessions",
        "S",
        "Sessions",
        "Requests that continue each other, and what they cost",
        footer="room",
    ),
    Action("app", "show_fleet", "F", "Fleet", "Several servers, and where they differ"),
    Action(
        "app",
        "show_series",
        "T",
        "Over time",
        "What was measured over ten minutes to a year, and what is marked",
    ),
    Action(
        "app",
        "show_recordings",
        "W",
        "Recordings",
        "Recordings to replay, to compare on one axis, or to export",
        "run",
    ),
    Action(
        "app", "open_agent", "o", "Open agent", "Open another agent's source", "run", footer="room"
    ),
    Action("app", "reload_agent", "R", "Reload", "Read the agent's source again", "run"),
    Action(
        "app",
        "run_plan",
        "r",
        "Run",
        "Run the agent over its inputs under the live plan",
        "run",
        footer=True,
    ),
    Action(
        "app",
        "run_baseline",
        "b",
        "Run as written",
        "Run the agent as its source has it, to compare",
        "run",
        footer="room",
    ),
    Action("app", "cancel_run", "c", "Cancel run", "Stop the run in progress", "run"),
    Action(
        "app",
        "toggle_recording",
        "w",
        "Record",
        "Start or stop writing a recording",
        "live",
        footer="room",
    ),
    Action(
        "app",
        "add_note",
        "N",
        "Note",
        "Mark this moment with a note of your own",
        "live",
    ),
    Action(
        "app",
        "undo",
        "u",
        "Undo push",
        "Undo the last push that still stands",
        "write",
        footer="room",
    ),
    Action(
        "app",
        "jump",
        "semicolon",
        "Jump",
        "A letter on every pane and row: pressing it goes there",
        palette=False,
        key_display=";",
    ),
    Action(
        "app",
        "maximise",
        "z",
        "Maximise",
        "Give the focused pane the whole screen, and back",
        footer="room",
    ),
    Action("app", "copy", "y", "Copy", "The selected text, or the row under the cursor"),
    Action("app", "show_told", "f3", "Messages", "Messages that were shown, to be read again"),
    Action("app", "screenshot", "f9", "Screenshot", "Save a picture of the screen"),
    Action("app", "next_theme", "f2", "Next theme", "Change to the next theme"),
    Action(
        "app",
        "help",
        "question_mark,f1",
        "Help",
        "Every key, and what the marks mean",
        footer=True,
        key_display="?",
    ),
    Action(
        "app",
        "leave",
        "q",
        "Quit",
        "Leave the console; an engine it started stops too",
        footer=True,
    ),
    Action("table", "cursor_up", "up,k", "Up", "The row above", palette=False),
    Action("table", "cursor_down", "down,j", "Down", "The row below", palette=False),
    Action("table", "page_up", "pageup", "Page up", "A page up", palette=False),
    Action("table", "page_down", "pagedown", "Page down", "A page down", palette=False),
    Action("table", "first", "home", "First", "The first row", palette=False),
    Action("table", "last", "end", "Last", "The last row", palette=False),
    Action(
        "table",
        "pick",
        "enter",
        "Open",
        "Open or edit what is under the cursor",
        footer=True,
        palette=False,
    ),
    Action(
        "graph",
        "edit_retention",
        "e",
        "Edit",
        "Priority and duration of the node's KV blocks",
        "write",
        footer=True,
    ),
    Action(
        "graph",
        "choose",
        "slash",
        "Filter",
        "Only the calls with a word in their name",
        footer="room",
        key_display="/",
    ),
    Action(
        "graph",
        "toggle_traffic",
        "v",
        "Traffic",
        "The figures of what programs send, or of the last run",
        footer="room",
    ),
    Action("graph", "fold", "x", "Fold", "Open or fold every loop and group of calls"),
    Action("graph", "sort", "s", "Sort", "By tokens computed, TTFT, share computed, failures"),
    Action("graph", "columns", "K", "Columns", "Which columns stand beside the calls"),
    Action("graph", "follow", "L", "Follow", "The cursor follows the call that runs, or stays"),
    Action("graph", "edit_source", "E", "Editor", "Open the source at this call in $EDITOR"),
    Action(
        "node",
        "edit_retention",
        "e",
        "Edit",
        "Priority and duration of the node's KV blocks",
        "write",
        footer=True,
    ),
    Action("node", "edit_source", "E", "Editor", "Open the source at this call in $EDITOR"),
    Action(
        "node",
        "next_node",
        "right_square_bracket,n",
        "Next",
        "The next node",
        footer=True,
        key_display="]",
    ),
    Action(
        "node",
        "previous_node",
        "left_square_bracket,p",
        "Previous",
        "The node before",
        key_display="[",
    ),
    Action(
        "node",
        "toggle_draft",
        "v",
        "Draft",
        "The prompt as the draft sends it, or as the live plan does",
        footer=True,
    ),
    Action("node", "close", "escape", "Back", "Back to the graph", footer=True, palette=False),
    Action("tuning", "edit", "e", "Edit", "The setting under the cursor", "write", footer=True),
    Action(
        "tuning",
        "propose",
        "a",
        "Propose",
        "Replace the draft by what Charter proposes",
        "write",
        footer=True,
    ),
    Action(
        "tuning",
        "propose_with",
        "A",
        "Propose with",
        "Propose on a workload, for an objective, with levers off",
        "write",
    ),
    Action("tuning", "cancel_work", "c", "Cancel", "Stop working out a plan, or the run", "run"),
    Action(
        "tuning",
        "step_up",
        "plus,equals_sign",
        "More",
        "A step up: the setting, or the priority of the node",
        "write",
        call="step(1)",
        key_display="+",
    ),
    Action(
        "tuning",
        "step_down",
        "minus",
        "Less",
        "A step down: the setting, or the priority of the node",
        "write",
        call="step(-1)",
    ),
    Action(
        "tuning",
        "sweep",
        "s",
        "Sweep",
        "What a run would pay under other values of the setting",
        footer=True,
    ),
    Action("tuning", "toggle_unchanged", "v", "Changes", "Only what the draft changes, or all"),
    Action(
        "tuning",
        "undo_edit",
        "less_than_sign",
        "Undo edit",
        "Take back the last edit",
        "write",
        key_display="<",
    ),
    Action(
        "tuning",
        "redo_edit",
        "greater_than_sign",
        "Redo edit",
        "Make it again",
        "write",
        key_display=">",
    ),
    Action("tuning", "load_plan", "l", "Load plan", "Replace the draft by a plan file", "write"),
    Action("tuning", "save_plan", "O", "Save plan", "Write the plan to a file", "run"),
    Action("tuning", "push", "p", "Push", "Make the draft live", "write", footer=True),
    Action("tuning", "discard", "x", "Discard", "Throw the draft away", "write"),
    Action("sweep", "close", "escape", "Back", "Back to the tuning", footer=True, palette=False),
    Action(
        "history",
        "make_live",
        "l",
        "Make live",
        "Make the revision under the cursor live again",
        "write",
        footer=True,
    ),
    Action("history", "close", "escape", "Back", "Close the history", footer=True, palette=False),
    Action(
        "revision",
        "make_live",
        "l",
        "Make live",
        "Make this revision live again",
        "write",
        footer=True,
    ),
    Action(
        "revision", "close", "escape", "Back", "Back to the history", footer=True, palette=False
    ),
    Action(
        "deploy",
        "push",
        "p",
        "Push",
        "Make the draft live: why, and watched for how long",
        "write",
        footer=True,
    ),
    Action(
        "deploy",
        "try_layouts",
        "n",
        "Trial",
        "Layouts on a share of the sessions, or on another share",
        "write",
        footer=True,
    ),
    Action(
        "deploy",
        "promote",
        "m",
        "Promote",
        "Layouts on all sessions",
        "write",
        footer=True,
    ),
    Action(
        "deploy", "stop_trial", "s", "Stop trial", "Layouts on no session", "write", footer=True
    ),
    Action(
        "deploy",
        "keep",
        "K",
        "Keep",
        "Stop watching the last push: it stands",
        "write",
        footer=True,
    ),
    Action(
        "deploy",
        "put_back",
        "P",
        "Put back",
        "What was pushed, over what others changed",
        "write",
        footer=True,
    ),
    Action(
        "deploy",
        "adopt",
        "a",
        "Adopt",
        "Make what others changed a revision of its own",
        "write",
        footer=True,
    ),
    Action(
        "deploy",
        "reset_breaker",
        "B",
        "Ask again",
        "Let calls through to a server that did not answer",
        "run",
        footer=True,
    ),
    Action(
        "deploy",
        "toggle_canary",
        "v",
        "Canary",
        "Ask now and then whether reuse changes answers, or stop",
        "run",
        footer=True,
    ),
    Action(
        "deploy",
        "look_again",
        "i",
        "Look again",
        "Examine the deployment and this machine again",
        footer="room",
    ),
    Action(
        "deploy",
        "uninstall",
        "U",
        "Uninstall",
        "Leave the deployment as it was found",
        "write",
        footer="room",
    ),
    Action("deploy", "close", "escape", "Back", "Close the deployment", footer=True, palette=False),
    Action("runs", "mark", "m", "Compare", "Compare the others with this run", footer=True),
    Action(
        "runs",
        "repeat",
        "n",
        "Run again",
        "Make this run again, under its own plan",
        "run",
        footer=True,
    ),
    Action("runs", "close", "escape", "Back", "Close the runs", footer=True, palette=False),
    Action(
        "requests",
        "choose",
        "slash",
        "Filter",
        "Only those of a node or session, of a cause, or slow",
        footer=True,
        key_display="/",
    ),
    Action("requests", "failed", "f", "Failed", "Only the requests that failed", footer=True),
    Action(
        "requests", "own_runs", "i", "Own runs", "With or without what own runs sent", footer=True
    ),
    Action("requests", "causes", "m", "Causes", "Work out the causes again", footer=True),
    Action("requests", "close", "escape", "Back", "Close the requests", footer=True, palette=False),
    Action(
        "request", "close", "escape", "Back", "Back to the requests", footer=True, palette=False
    ),
    Action("findings", "close", "escape", "Back", "Close the findings", footer=True, palette=False),
    Action(
        "work",
        "draft_plan",
        "d",
        "To the draft",
        "Replace the draft by the plan that was found",
        "write",
        footer=True,
    ),
    Action("work", "cancel_work", "c", "Cancel", "Stop the work in progress", "run", footer=True),
    Action("work", "close", "escape", "Back", "Close the work", footer=True, palette=False),
    Action(
        "cache",
        "next_by",
        "v",
        "By",
        "Show the pool by node, session or priority",
        footer=True,
    ),
    Action(
        "cache",
        "show_measured",
        "m",
        "Measured",
        "Show the pool as it was measured by events, or as it is predicted",
    ),
    Action("cache", "close", "escape", "Back", "Close the cache", footer=True, palette=False),
    Action("sessions", "own_runs", "i", "Own runs", "With those of own runs", footer=True),
    Action("sessions", "close", "escape", "Back", "Close the sessions", footer=True, palette=False),
    Action(
        "recordings",
        "mark",
        "m",
        "Mark",
        "Compare another with this recording",
        footer=True,
    ),
    Action(
        "recordings",
        "compare",
        "c",
        "Compare",
        "With the marked one on one axis, or around its last push",
        "run",
        footer=True,
    ),
    Action(
        "recordings",
        "export",
        "e",
        "Export",
        "As JSON Lines, CSV, Parquet, OpenMetrics or HTML",
        footer=True,
    ),
    Action(
        "recordings",
        "choose_folder",
        "slash",
        "Folder",
        "The recordings in another folder",
        "run",
        footer=True,
        key_display="/",
    ),
    Action("recordings", "look_again", "i", "Look again", "What lies in the folder", "run"),
    Action(
        "recordings", "close", "escape", "Back", "Close the recordings", footer=True, palette=False
    ),
    Action(
        "recorded", "close", "escape", "Back", "Back to the recordings", footer=True, palette=False
    ),
    Action(
        "series", "longer", "v", "Longer", "A longer stretch of time, up to a year", footer=True
    ),
    Action("series", "shorter", "V", "Shorter", "A shorter stretch of time", footer=True),
    Action(
        "series",
        "earlier",
        "left_square_bracket",
        "Earlier",
        "The stretch before",
        footer=True,
        key_display="[",
    ),
    Action(
        "series",
        "later",
        "right_square_bracket",
        "Later",
        "The stretch after, up to the present",
        footer=True,
        key_display="]",
    ),
    Action(
        "series", "close", "escape", "Back", "Close what was measured", footer=True, palette=False
    ),
    Action("gpu", "close", "escape", "Back", "Close the GPUs", footer=True, palette=False),
    Action("fleet", "close", "escape", "Back", "Close the fleet", footer=True, palette=False),
    Action("server", "close", "escape", "Back", "Back to the fleet", footer=True, palette=False),
    Action(
        "replay",
        "toggle_pause",
        "space",
        "Pause",
        "Stop and go on; a live screen is held still to look back",
        "replay",
        footer=True,
    ),
    Action(
        "replay",
        "back_10_seconds",
        "left",
        "−10 s",
        "Ten seconds back",
        "replay",
        call="seek_by(-10)",
    ),
    Action(
        "replay", "on_10_seconds", "right", "+10 s", "Ten seconds on", "replay", call="seek_by(10)"
    ),
    Action(
        "replay",
        "back_a_minute",
        "shift+left",
        "−1 min",
        "A minute back",
        "replay",
        call="seek_by(-60)",
    ),
    Action(
        "replay",
        "on_a_minute",
        "shift+right",
        "+1 min",
        "A minute on",
        "replay",
        call="seek_by(60)",
    ),
    Action(
        "replay",
        "back_10_minutes",
        "ctrl+left",
        "−10 min",
        "Ten minutes back",
        "replay",
        call="seek_by(-600)",
    ),
    Action(
        "replay",
        "on_10_minutes",
        "ctrl+right",
        "+10 min",
        "Ten minutes on",
        "replay",
        call="seek_by(600)",
    ),
    Action("replay", "step_back", "comma", "−1 s", "One sample back", "replay", call="seek_by(-1)"),
    Action("replay", "step_on", "full_stop", "+1 s", "One sample on", "replay", call="seek_by(1)"),
    Action(
        "replay",
        "previous_marker",
        "left_curly_bracket",
        "Event before",
        "To the event before",
        "replay",
        key_display="{",
    ),
    Action(
        "replay",
        "next_marker",
        "right_curly_bracket",
        "Next event",
        "To the next event",
        "replay",
        footer=True,
        key_display="}",
    ),
    Action("replay", "to_start", "home", "Start", "To the beginning", "replay"),
    Action("replay", "to_end", "end", "End", "To the end", "replay"),
    Action("replay", "slower", "minus", "Slower", "Half the speed, down to a quarter", "replay"),
    Action(
        "replay",
        "faster",
        "plus,equals_sign",
        "Faster",
        "Twice the speed, up to 16 times",
        "replay",
        key_display="+",
    ),
    Action(
        "replay",
        "seek_to",
        "slash",
        "Go to time",
        "To a time: 3m ago, 14:05, 1:30, 2026-11-21 14:05",
        "replay",
        footer=True,
        key_display="/",
    ),
    Action(
        "replay",
        "mark",
        "M",
        "Mark",
        "Mark where a stretch begins; once more, where it ends",
        "replay",
        footer="room",
    ),
    Action(
        "replay",
        "export",
        "X",
        "Export stretch",
        "Write the marked stretch as a recording of its own, to hand on",
        "replay",
        footer="room",
    ),
)


def in_scope(*scopes: Scope) -> tuple[Action, ...]:
    """The actions of those scopes, in the order of the table."""
    return tuple(action for action in ACTIONS if action.scope in scopes)


def find(scope: Scope, method: str) -> Action | None:
    """The action of that scope whose method is `method`."""
    return next(
        (action for action in in_scope(scope) if action.action.partition("(")[0] == method), None
    )


def shadowed(keymap: Mapping[str, str]) -> list[str]:
    """Sentences about keys that `keymap` gives to an action of one screen, and that lead elsewhere
    on all others."""
    given = [
        (action, key.strip())
        for action in ACTIONS
        if action.id in keymap and action.scope not in EVERYWHERE
        for key in keymap[action.id].split(",")
        if key.strip() not in action.keys.split(",")
    ]
    return [
        f"The keymap gives {key} to {action.id}: on that screen {other.id} has no such key."
        for action, key in given
        for other in in_scope(*EVERYWHERE)
        if key in keymap.get(other.id, other.keys).split(",")
    ]


def clashes(keymap: Mapping[str, str]) -> list[str]:
    """Sentences about keys that `keymap` gives to several actions of one scope."""
    owners: dict[tuple[Scope, str], list[str]] = {}
    for action in ACTIONS:
        for key in keymap.get(action.id, action.keys).split(","):
            owners.setdefault((action.scope, key.strip()), []).append(action.id)
    return [
        f"The keymap gives one key to several actions: {key} to {' and '.join(ids)}."
        for (_, key), ids in owners.items()
        if len(ids) > 1
    ]
