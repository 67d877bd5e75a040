"""What the terminal can show, as its environment tells."""

from collections.abc import Mapping

LEAST_COLUMNS, LEAST_ROWS = 80, 24
"""Taken from the terminal that VT100 had, for which screens are laid out."""


def terminal_troubles(
    environment: Mapping[str, str], encoding: str, columns: int, rows: int
) -> list[tuple[str, str]]:
    """What keeps the console from looking as it should, each with what to do about it."""
    troubles = []
    if environment.get("TERM", "") in ("", "dumb"):
        troubles.append(("TERM is not set", "export TERM=xterm-256color"))
    elif "256color" not in environment["TERM"] and not environment.get("COLORTERM"):
        troubles.append(
            (f"TERM {environment['TERM']} stands for 16 colours", "export COLORTERM=truecolor")
        )
    if encoding.lower().replace("-", "") != "utf8":
        troubles.append((f"text is written in {encoding}", "export LC_ALL=C.UTF-8"))
    if columns < LEAST_COLUMNS or rows < LEAST_ROWS:
        troubles.append(
            (
                f"{columns}×{rows} characters show little",
                f"make it {LEAST_COLUMNS}×{LEAST_ROWS} or larger",
            )
        )
    return troubles
