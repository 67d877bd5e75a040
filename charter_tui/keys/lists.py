"""Actions of the screens that list what was found, measured or recorded."""

from typing import Final

from charter_tui.action import Action

LIST_ACTIONS: Final[tuple[Action, ...]] = (
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
        "read",
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
        "read",
        footer=True,
        key_display="/",
    ),
    Action("recordings", "look_again", "i", "Look again", "What lies in the folder", "read"),
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
)
