"""What happens stands in the engine's own log, at its level."""

import logging
from functools import partial

import pytest

from charter_engine.service.hub import Hub
from charter_engine.service.main import log_event


def test_a_warning_of_the_hub_is_a_warning_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    hub = Hub()
    hub.taps.append(log_event)
    with caplog.at_level(logging.WARNING):
        hub.event("run", "a run began")
        hub.event("triton", "somebody changed the block size", level="warning")
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "triton: somebody changed the block size")
    ]


def test_the_words_of_a_failure_stay_out_of_it_where_no_text_is_kept(
    caplog: pytest.LogCaptureFixture,
) -> None:
    hub = Hub()
    hub.taps.append(partial(log_event, keeps_text=False))
    hub.event("failure", "in the patient's words", level="error")
    assert [record.getMessage() for record in caplog.records] == ["failure: (not kept)"]
