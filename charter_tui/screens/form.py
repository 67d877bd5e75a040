"""A form over the screen: fields with checks.

A submission may be refused, and nothing typed is lost.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import ClassVar, Final

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.suggester import SuggestFromList
from textual.widgets import Button, Input, Label, Static

from charter_engine.contracts.moments import Mistyped
from charter_tui.link import EngineRefused
from charter_tui.present.words import sentence
from charter_tui.screens.dismissal import DismissedOnce

LONGEST_ERROR: Final = 300
"""Characters: an error quotes what was typed, and that may have been pasted."""


@dataclass(frozen=True)
class Field:
    """One line to type. `check` raises `Mistyped`; `choices` are offered while typing, when `ask`
    asks the engine, and raises `EngineRefused`."""

    name: str
    label: str
    value: str = ""
    hint: str = ""
    check: Callable[[str], object] | None = None
    choices: tuple[str, ...] = ()
    ask: Callable[[str], Awaitable[object]] | None = None


Submit = Callable[[dict[str, str]], Awaitable[None]]


class FormScreen(ModalScreen[bool], DismissedOnce[bool]):
    """Dismissed with True once the submission was accepted, with False by Escape."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", id="form.cancel"),
        Binding("up,left", "app.focus_previous", "Before", show=False, id="form.before"),
        Binding("down,right", "app.focus_next", "Next", show=False, id="form.next"),
    ]

    def __init__(
        self,
        title: str,
        fields: tuple[Field, ...],
        submit: Submit,
        *,
        note: str = "",
        verb: str = "Apply",
        error: str = "",
    ) -> None:
        """`error` says why the same was refused before."""
        super().__init__()
        self._title = title
        self._fields = fields
        self._submit = submit
        self._note = note
        self._verb = verb
        self._error = error

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label(self._title, classes="dialog-title", markup=False)
            if self._note:
                yield Label(self._note, classes="dialog-note form-note", markup=False)
            for field in self._fields:
                with Horizontal(classes="field"):
                    yield Label(field.label, classes="field-label", markup=False)
                    suggester = (
                        SuggestFromList(field.choices, case_sensitive=False)
                        if field.choices
                        else None
                    )
                    yield Input(
                        field.value,
                        id=f"field-{field.name}",
                        compact=True,
                        suggester=suggester,
                        placeholder=field.hint,
                    )
            yield Static("", id="form-error", markup=False)
            with Horizontal(classes="buttons"):
                yield Button(self._verb, id="submit", variant="primary", compact=True)
                yield Button("Cancel", id="cancel", compact=True)

    def on_mount(self) -> None:
        self._show_error(self._error)
        if self._fields:
            self.query(Input).first().focus()

    @on(Input.Changed)
    def _typing(self, event: Input.Changed) -> None:
        """What is wrong with a field is said while it is typed; one that is empty may be filled
        yet."""
        field = self._field_of(event.input)
        if self._error and event.value == field.value:
            return  # as it was refused before
        if field.ask is not None and event.value.strip():
            self._ask_whether(field.ask, event.input)
        else:
            self._show_error(_mistake(field, event.value))

    @work(exclusive=True, group="asking", exit_on_error=False)
    async def _ask_whether(self, ask: Callable[[str], Awaitable[object]], box: Input) -> None:
        """Say what the engine has against a value, if anything."""
        try:
            await ask(box.value)
        except EngineRefused as error:
            self._show_error(str(error))
        else:
            self._show_error("")

    def _field_of(self, box: Input) -> Field:
        return next(field for field in self._fields if box.id == f"field-{field.name}")

    @on(Input.Submitted)
    @on(Button.Pressed, "#submit")
    def _submitted(self) -> None:
        self._try_submit()

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        self.dismiss(False)

    @work(exclusive=True, group="form")
    async def _try_submit(self) -> None:
        try:
            await self._submit(self._checked())
        except (Mistyped, EngineRefused) as error:
            self._show_error(str(error))
        else:
            self.dismiss(True)

    def _checked(self) -> dict[str, str]:
        values = {}
        for field in self._fields:
            box = self.query_one(f"#field-{field.name}", Input)
            values[field.name] = box.value
            if field.check is not None:
                try:
                    field.check(box.value)
                except Mistyped:
                    box.focus()
                    raise
        return values

    def _show_error(self, text: str) -> None:
        text = sentence(text)
        half = LONGEST_ERROR // 2
        # A refusal may come while the form is taken down, its parts before itself.
        for error in self.query("#form-error").results(Static):
            error.update(text if len(text) <= LONGEST_ERROR else f"{text[:half]} … {text[-half:]}")
            error.display = bool(text)


def _mistake(field: Field, text: str) -> str:
    if field.check is None or not text.strip():
        return ""
    try:
        field.check(text)
    except Mistyped as error:
        return str(error)
    return ""


def some_path(text: str) -> None:
    """A check that something was typed."""
    if not text.strip():
        raise Mistyped("Give the path of a file.")


def some_words(text: str) -> None:
    """A check that something was said."""
    if not text.strip():
        raise Mistyped("Say what is worth remembering.")
