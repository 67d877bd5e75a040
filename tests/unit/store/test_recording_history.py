"""What a recording measured, over any stretch of it."""

import pytest

from charter_engine.store.recording_history import RecordingHistory
from charter_engine.store.recording_reader import RecordingReader
from tests.unit.store.recorded import BEGIN, record


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> RecordingHistory:
    """Of twenty minutes: three parts of a recording."""
    path = record(tmp_path_factory.mktemp("r") / "r.charter", range(1_200))
    return RecordingHistory(RecordingReader(path))


def test_a_stretch_across_parts_has_each_second_once(history: RecordingHistory) -> None:
    found = history.ticks(BEGIN + 400, BEGIN + 600, 1_000)
    assert [one.at - BEGIN for one in found] == [400.5 + second for second in range(200)]
    assert {one.gpu_memory_used for one in found} == {0.75}


def test_the_whole_fits_a_few_columns_and_loses_no_request(history: RecordingHistory) -> None:
    found = history.ticks(BEGIN, BEGIN + 1_200, 20)
    assert len(found) <= 20
    assert sum(one.requests for one in found) == 2 * 1_200
    assert found == history.ticks(BEGIN, BEGIN + 1_200, 20)


def test_nothing_is_told_of_a_time_that_was_not_recorded(history: RecordingHistory) -> None:
    assert history.ticks(BEGIN - 500, BEGIN, 100) == ()
    assert history.ticks(BEGIN + 5_000, BEGIN + 6_000, 100) == ()
