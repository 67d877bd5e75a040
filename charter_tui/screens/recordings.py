"""The recordings screen: those in a folder, to be replayed, compared and exported."""

import sys
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import Final

from textual import work
from textual.widget import Widget

from charter_engine.contracts.commands import ListRecordings
from charter_engine.contracts.exporting import SUFFIXES
from charter_engine.contracts.recordings import ListedRecording, RecordingComparison
from charter_tui import exporting
from charter_tui.bindings import bindings
from charter_tui.console import full_path
from charter_tui.lending import lend
from charter_tui.link import EngineRefused
from charter_tui.present.figures import legend
from charter_tui.present.possible import offered
from charter_tui.present.recordings import (
    recording_columns,
    recording_detail,
    recording_row,
    recordings_summary,
)
from charter_tui.present.words import ASKING, EmptyState
from charter_tui.screens.base import ConsoleScreen
from charter_tui.screens.form import Field, FormScreen, some_path
from charter_tui.screens.recorded import RecordedScreen, recorded_form
from charter_tui.widgets.line_table import LineTable
from charter_tui.widgets.line_view import LineView
from charter_tui.widgets.static_line import StaticLine

NONE_HERE: Final = "There is no recording here"
WAYS: Final = (
    ("app.toggle_recording", "w writes one"),
    ("recordings.choose_folder", "/ looks in another folder"),
)
OF_A_RECORDING: Final = frozenset({"mark", "compare", "export"})
"""Actions that need a recording under the cursor."""
FORMS: Final = ", ".join(SUFFIXES)


class RecordingsTable(LineTable):
    """A folder's recordings, those that were written last first."""

    PARTS = ("recording",)
    NAMES = "name"

    def __init__(self) -> None:
        super().__init__()
        self.recordings: tuple[ListedRecording, ...] = ()
        self.chosen = ""
        """The path of what the others are compared with."""
        self.empty = ASKING

    def picked(self) -> ListedRecording | None:
        """The recording under the cursor."""
        return next((one for one in self.recordings if one.path == self.key), None)

    @property
    def written(self) -> str:
        """The path of the recording that is being written."""
        recording = self.snapshot.recording
        return recording.path or "" if recording and not recording.error else ""

    @property
    def kept(self) -> float:
        """How many seconds ended parts of what is written stay; 0: however old they are."""
        recording = self.snapshot.recording
        return recording.kept_seconds if recording else 0.0

    def rebuild(self) -> None:
        columns = recording_columns(self.inner_width)
        rows = [
            recording_row(
                one, columns, chosen=one.path == self.chosen, written=one.path == self.written
            )
            for one in self.recordings
        ]
        self.set_rows(columns, rows, self.empty)


class RecordingsScreen(ConsoleScreen):
    """Asks the engine when it is opened, when somebody comes back to it, and when told to."""

    SCOPE = "recordings"
    NAME = "recordings"
    BINDINGS = bindings("recordings")

    def __init__(self) -> None:
        super().__init__()
        self._folder = full_path(".")

    def body(self) -> Iterable[Widget]:
        yield LineView(id="recordings-summary")
        yield RecordingsTable().data_bind(ConsoleScreen.snapshot)
        yield LineView(id="recording-detail")
        yield StaticLine(legend(("measured",)))

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self.look()

    @work(exclusive=True, group="recordings", exit_on_error=False)
    async def look(self) -> None:
        """Ask what lies in the folder."""
        table = self.query_one(RecordingsTable)
        try:
            table.recordings = await self.app.ask(ListRecordings(self._folder))
            table.empty = self._none_here
        except EngineRefused as error:
            table.recordings, table.empty = (), EmptyState(str(error), refused=True)
        table.rebuild()
        self._explain()

    @property
    def _none_here(self) -> EmptyState:
        """That there is no recording, and what to do."""
        ways = offered(self.snapshot, WAYS)
        return EmptyState(f"{NONE_HERE}: {ways}." if ways else f"{NONE_HERE}.")

    def on_resize(self) -> None:
        self._explain()

    def on_line_table_highlighted(self) -> None:
        self._explain()

    def _explain(self) -> None:
        table = self.query_one(RecordingsTable)
        summary = self.query_one("#recordings-summary", LineView)
        summary.display = not table.empty.refused
        width = max(20, self.app.size.width - 3)
        summary.set_lines((recordings_summary(table.recordings, self._folder, table.kept, width),))
        detail = self.query_one("#recording-detail", LineView)
        detail.set_lines(recording_detail(table.picked(), max(20, detail.inner_width)))

    def _readable(self) -> ListedRecording | None:
        """The recording under the cursor; of a file that is none, the operator is told."""
        picked = self.query_one(RecordingsTable).picked()
        if picked is not None and picked.foreign:
            self.app.notify(picked.foreign, severity="warning")
            return None
        return picked

    def on_line_table_picked(self, _event: LineTable.Picked) -> None:
        """Replay a recording in a console of its own, on this terminal."""
        if (recording := self._readable()) is not None:
            replay = ("charter_tui.cli", "--replay", recording.path, "--theme", self.app.theme)
            lend(self.app, [sys.executable, "-P", "-m", *replay], "The replay")

    def why_not(self, action: str) -> str:
        table = self.query_one(RecordingsTable)
        is_written = action == "compare" and bool(table.written)
        if action in OF_A_RECORDING and table.key is None and not is_written:
            return self._none_here.text
        return super().why_not(action)

    def action_mark(self) -> None:
        """Have the others compared with the recording under the cursor, or no more."""
        table = self.query_one(RecordingsTable)
        if (recording := self._readable()) is not None:
            table.chosen = "" if table.chosen == recording.path else recording.path
            table.rebuild()

    @work(exclusive=True, group="compare", exit_on_error=False)
    async def action_compare(self) -> None:
        """Compare the recording under the cursor with the marked one, or around its last push."""
        table = self.query_one(RecordingsTable)
        before, after = table.chosen or table.key or table.written, ""
        if table.chosen and table.key != table.chosen:
            after = table.key or ""
        found: list[RecordingComparison] = []
        form = recorded_form(self.app, before, after, found.append)
        if await self.app.push_screen_wait(form):
            self.app.push_screen(RecordedScreen(found[-1]))

    def action_export(self) -> None:
        """Write the recording under the cursor as a file of another kind."""
        recording = self._readable()
        if recording is None:
            return

        async def submit(values: dict[str, str]) -> None:
            output = full_path(values["output"])
            await exporting.export(recording.path, output)
            self.app.notify(f"The recording is in {output}")

        name = Path(recording.path).with_suffix(".html").name
        note = f"Its name says in which form: {FORMS}."
        field = Field("output", "file", name, check=some_path)
        self.app.push_screen(
            FormScreen(
                f"Export {PurePath(recording.path).name}",
                (field,),
                submit,
                note=note,
                verb="Export",
            )
        )

    def action_choose_folder(self) -> None:
        """Look in another folder."""

        async def submit(values: dict[str, str]) -> None:
            self._folder = full_path(values["folder"])

        field = Field("folder", "folder", self._folder, check=some_path)
        self.app.push_screen(FormScreen("Recordings in", (field,), submit, verb="Look"))

    def action_look_again(self) -> None:
        """Look at the folder again."""
        self.look()

    def action_close(self) -> None:
        self.dismiss()
