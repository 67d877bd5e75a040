"""The history: a revision opened, and what an undo goes back to."""

from msgspec.structs import replace

from charter_engine.contracts.deploy import Diff, Revision
from charter_engine.contracts.protocol import RevisionDetail
from charter_tui.present.confirmation import live_again_confirmation
from charter_tui.present.history import revision_lines, undone
from charter_tui.present.spans import text_of
from tests.tui.scene import DRAFT, LIVE_RUN, PROFILE, REVISIONS, RUNS, WRITTEN_RUN


def revision(number: int, parent: int, restores: int | None = None) -> Revision:
    return replace(REVISIONS[1], number=number, parent=parent, restores=restores)


def test_one_undo_after_another_goes_further_back_and_never_forward() -> None:
    pushed = [revision(1, 0), revision(2, 1), revision(3, 2)]
    assert undone(pushed, 3) == 2
    once = [*pushed, revision(4, 3, restores=2)]
    assert undone(once, 4) == 1
    twice = [*once, revision(5, 4, restores=1)]
    assert undone(twice, 5) == 0
    assert undone([*twice, revision(6, 5, restores=0)], 6) is None


def test_a_push_behind_an_undo_is_undone_first() -> None:
    pushed = [revision(1, 0), revision(2, 1), revision(3, 2, restores=1), revision(4, 3)]
    assert undone(pushed, 4) == 3
    assert undone([*pushed, revision(5, 4, restores=3)], 5) == 0


def test_nothing_is_undone_where_nothing_was_pushed() -> None:
    assert undone([], 0) is None


def test_a_revision_opened_tells_what_changed_why_and_what_runs_cost_around_it() -> None:
    assert DRAFT.diff is not None
    detail = RevisionDetail(
        revision=REVISIONS[2],
        diff=DRAFT.diff,
        back=Diff(base_revision=3),
        before=WRITTEN_RUN,
        after=LIVE_RUN,
        verdict=RUNS.verdict,
    )
    text = "\n".join(text_of(line) for line in revision_lines(detail, 3, 100))
    assert "Revision 3  live" in text
    assert "reuse on" in text
    assert "tokens_per_block" in text
    assert "=25,290    =18,630    -26 %" in text
    assert "= under it, against before: computes 26 % less" in text
    assert "Making it live again" not in text


def test_making_a_revision_live_says_what_is_lost_and_what_is_undone() -> None:
    question = live_again_confirmation(REVISIONS, 3, 1, PROFILE)
    text = " ".join(question.consequences)
    assert "The KV cache is lost" in text
    assert "What revisions 2, 3 changed is undone." in text
    cheap = live_again_confirmation(REVISIONS[:2], 2, 1, PROFILE)
    assert "nothing is lost" in " ".join(cheap.consequences)
