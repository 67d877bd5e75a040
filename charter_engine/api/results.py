"""What the public functions give: a plain record that prints as tables and turns into rows."""

from typing import Generic, TypeVar

from rich.console import Console, RenderableType
from rich.jupyter import JupyterMixin

from charter_engine.api.presentation import presented
from charter_engine.api.rows import Row, rows

R_co = TypeVar("R_co", covariant=True)
PLAIN_WIDTH = 120
"""Columns of a printed result where there is no terminal to fit into."""


class Result(JupyterMixin, Generic[R_co]):
    """A record of `charter_engine.contracts`, in `record`, that shows itself.

    `print(result)` and a notebook show tables; `rich.print(result)` fits them to the terminal.
    """

    def __init__(self, record: R_co) -> None:
        self._record = record

    @property
    def record(self) -> R_co:
        """The plain record: frozen, typed, and what `--json` of the same command prints."""
        return self._record

    def to_dicts(self) -> list[Row]:
        """Flat rows, one a call, setting, node or request: `pandas.DataFrame(result.to_dicts())`.

        Numbers are numbers in the unit their key ends in, rates 0 to 1; what is unknown is None.
        Keys that end in `label` say measured, predicted or assumed.
        """
        return rows(self.record)

    def __rich__(self) -> RenderableType:
        return presented(self.record)

    def __repr__(self) -> str:
        console = Console(width=PLAIN_WIDTH, color_system=None, force_jupyter=False)
        with console.capture() as captured:
            console.print(self)
        return "\n".join(line.rstrip() for line in captured.get().rstrip().splitlines())
