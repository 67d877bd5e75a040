"""One thing that a key can do.

An action is a method `action_<name>` of the class its scope names. `risk` says what it touches:
`view` only the console, `read` recordings wherever they lie, `live` an engine that is not
replaying, `run` the load on the deployment, `write` its settings; `read` and the last two are
refused in read-only mode too. `replay` actions exist only in a replay, or while the screen is
frozen. No default key is one that terminal multiplexers take
(ctrl+a, b, d, k, j).
"""

from dataclasses import dataclass
from typing import Literal

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
Risk = Literal["view", "read", "live", "run", "write", "replay"]


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
