"""Actions of the graph, and of one call."""

from typing import Final

from charter_tui.action import Action

GRAPH_ACTIONS: Final[tuple[Action, ...]] = (
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
)
