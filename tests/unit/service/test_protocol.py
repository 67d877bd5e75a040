"""Frames: what comes out of a stream is what went in.

It may arrive in pieces of any size.
"""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charter_engine.contracts.commands import CancelRun
from charter_engine.contracts.gauges import Event
from charter_engine.contracts.protocol import Request
from charter_engine.service.protocol import (
    FrameSplitter,
    ProtocolError,
    decode_message,
    decode_request,
    frame,
)


@given(texts=st.lists(st.text(), max_size=20), cut=st.integers(min_value=1, max_value=40))
def test_a_stream_cut_anywhere_gives_the_messages_in_order(texts: list[str], cut: int) -> None:
    sent = [Event(sequence=n, at=float(n), kind="run", text=text) for n, text in enumerate(texts)]
    stream = b"".join(frame(event) for event in sent)
    splitter = FrameSplitter()
    received = []
    for start in range(0, len(stream), cut):
        received += [
            decode_message(payload) for payload in splitter.feed(stream[start : start + cut])
        ]
    assert received == sent


def test_a_length_beyond_the_limit_is_refused_before_anything_is_buffered() -> None:
    with pytest.raises(ProtocolError, match="larger than the limit"):
        FrameSplitter(limit=100).feed((101).to_bytes(4, "big"))


def test_an_ill_typed_message_names_the_field() -> None:
    good = frame(Request(1, CancelRun()))[4:]
    bad = good.replace(b"\xa2id\x01", b"\xa2id\xa1x")
    with pytest.raises(ProtocolError, match=r"\$\.id"):
        decode_request(bad)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_never_crash_the_decoder(payload: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        decode_request(payload)
