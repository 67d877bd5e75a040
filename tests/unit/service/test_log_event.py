"""What happens stands in the engine's own log, at its level."""

import logging

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
