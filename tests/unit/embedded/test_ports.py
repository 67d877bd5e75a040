"""Ports for a server that cannot be given an open socket."""

import os
import socket
from pathlib import Path

import pytest

from charter_engine.embedded import ports


def test_they_can_be_listened_on_and_differ() -> None:
    found = ports.free_ports(3)
    assert len(set(found)) == 3
    for port in found:
        socket.create_server(("127.0.0.1", port)).close()


def test_none_is_one_that_the_kernel_gives_to_a_connection() -> None:
    first = int(ports.EPHEMERAL_RANGE.read_text().split()[0])
    assert all(ports.FIRST_PORT <= port < first for port in ports.free_ports(20))


def test_one_that_is_listened_on_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", ports.free_ports(1)[0])) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(ports, "FIRST_PORT", port)
        monkeypatch.setattr(os, "urandom", bytes)
        assert ports.free_ports(1) != [port]


@pytest.mark.parametrize("text", ["", "words", None])
def test_without_the_kernel_s_word_its_default_holds(
    text: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "range"
    if text is not None:
        told.write_text(text)
    monkeypatch.setattr(ports, "EPHEMERAL_RANGE", told)
    assert ports.free_ports(1)[0] < ports.DEFAULT_FIRST_EPHEMERAL_PORT
