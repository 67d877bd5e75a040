"""Which journal is a deployment's, however it is reached."""

from pathlib import Path

import pytest

from charter_engine.contracts.deploy import Revision
from charter_engine.contracts.plan import Plan
from charter_engine.triton.journal import Journal
from charter_engine.triton.journal_records import DeploymentRecord, Record
from charter_engine.triton.journals import Journals, Shown

URL = "127.0.0.1:8001"
ID = "0123456789abcdef"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    repository = tmp_path / "srv" / "models"
    repository.mkdir(parents=True)
    return repository


@pytest.fixture
def journals(tmp_path: Path) -> Journals:
    return Journals(tmp_path / "state")


def pushed_to(journal: Journal, identity: str = ID) -> Journal:
    """With revision 0, and revision 3 live; earlier releases kept no id."""
    with journal.locked():
        if identity:
            journal.keep_deployment(DeploymentRecord(id=identity))
        for each in (0, 3):
            revision = Revision(
                number=each, created_at=1.0, deployment=URL, agent="a.py", plan=Plan(agent="a.py")
            )
            journal.commit(Record(revision=revision, files={}))
    return journal


def test_a_link_and_a_dot_lead_to_the_journal_of_the_repository(
    journals: Journals, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = tmp_path / "link"
    link.symlink_to(repository)
    monkeypatch.chdir(repository)
    found = {journals.of(path, URL).directory for path in (repository, link, Path())}
    assert found == {repository.parent / ".models.charter"}


def test_every_name_of_this_machine_is_one_address(journals: Journals) -> None:
    names = ("127.0.0.1:8001", "localhost:8001", "[::1]:8001")
    assert len({journals.of(None, name).directory for name in names}) == 1


def test_without_a_repository_the_journal_beside_it_is_found_by_the_deployments_id(
    journals: Journals, repository: Path
) -> None:
    journal = pushed_to(journals.of(repository, URL))
    journals.remember(journal, URL)
    found = journals.of(None, "elsewhere:1", Shown(ID, "3"))
    assert found.directory == journal.directory


def test_without_an_answer_the_journal_is_found_by_the_address(
    journals: Journals, repository: Path
) -> None:
    journal = pushed_to(journals.of(repository, URL))
    journals.remember(journal, URL)
    assert journals.of(None, "localhost:8001").directory == journal.directory


def test_another_deployment_at_an_address_that_is_known_has_its_own_journal(
    journals: Journals,
) -> None:
    journal = pushed_to(journals.of(None, URL))
    journals.remember(journal, URL)
    assert journals.of(None, URL, Shown("another", "3")).numbers() == []


@pytest.mark.parametrize("place", ["..charter", "../../.link.charter"])
def test_a_journal_that_lies_where_an_earlier_release_put_it_is_moved(
    place: str, journals: Journals, repository: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(repository)
    earlier = pushed_to(Journal((repository / place).resolve()))
    typed = repository if place == "..charter" else tmp_path / "link"
    found = journals.of(typed, URL)
    assert found.directory == repository.parent / ".models.charter"
    assert found.numbers() == [0, 3]
    assert not earlier.directory.exists()


def test_a_journal_of_the_address_is_taken_over_where_the_deployment_shows_its_revision(
    journals: Journals, repository: Path
) -> None:
    pushed_to(journals.of(None, URL), identity="")
    assert journals.of(repository, URL).numbers() == []
    assert journals.of(repository, URL, Shown(None, "2")).numbers() == []
    assert journals.of(repository, URL, Shown(None, "3")).numbers() == [0, 3]


def test_a_deployment_that_ended_is_found_by_its_name_and_the_last_one_without(
    journals: Journals, tmp_path: Path
) -> None:
    for name in ("desk", "other"):
        models = tmp_path / name / "models"
        models.mkdir(parents=True)
        pushed_to(journals.of(models, URL), name)
        journals.retire_below(tmp_path / name, name)
    assert [_identity(journals.ended(name)) for name in ("desk", "other", None)] == [
        "desk",
        "other",
        "other",
    ]
    assert journals.ended("nobody") is None


def test_the_journal_of_a_repository_that_stays_is_found_by_the_name_of_who_served_it(
    journals: Journals, repository: Path
) -> None:
    journals.keep_ended(repository, "desk")
    assert journals.ended("desk") is None
    pushed_to(journals.of(repository, URL))
    for _ in range(2):
        journals.keep_ended(repository, "desk")
    assert _identity(journals.ended("desk")) == ID
    journals.retire(journals.of(repository, URL))
    assert journals.ended("desk") is None


def test_what_was_uninstalled_is_found_by_where_its_journal_lay(
    journals: Journals, repository: Path
) -> None:
    journal = journals.of(repository, URL)
    assert journals.uninstalled(journal) is None
    kept = journals.retire(pushed_to(journal))
    found = journals.uninstalled(journals.of(repository, URL))
    assert found is not None and (found.directory, found.numbers()) == (kept, [0, 3])


def _identity(journal: Journal | None) -> str | None:
    deployment = journal.deployment() if journal else None
    return deployment.id if deployment else None
