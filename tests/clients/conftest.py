"""A gateway in front of a stand-in that has a chat route and nothing else.

What is asked in another API is translated; chats pass on. The tests here run in an environment of
their own (`make test-clients`), the gateway in the one of Charter.
"""

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CHARTER = os.environ.get("CHARTER_ENGINE", str(ROOT / ".venv" / "bin" / "charter-engine"))
USAGE = {
    "prompt_tokens": 50,
    "completion_tokens": 5,
    "total_tokens": 55,
    "prompt_tokens_details": {"cached_tokens": 32},
}
ANSWER = "It rains in Oslo."


class ChatOnly(BaseHTTPRequestHandler):
    """Calls the first function that is offered, and answers in words once it has its result."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != "/v1/chat/completions":
            self._send(404, {"detail": "Not Found"})
            return
        message = _answer(body)
        reason = "tool_calls" if "tool_calls" in message else "stop"
        if body.get("stream"):
            self._stream(message, reason)
            return
        choice = {"index": 0, "message": message, "finish_reason": reason}
        self._send(200, _head("chat.completion") | {"choices": [choice], "usage": USAGE})

    def log_request(self, *_: object) -> None:
        """Nobody reads it."""

    def _send(self, status: int, content: dict[str, object]) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, message: dict[str, object], reason: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        calls = message.get("tool_calls")
        pieces = ANSWER.split(" ")
        deltas = (
            [{"tool_calls": [{"index": 0, **call} for call in calls]}]
            if isinstance(calls, list)
            else [{"content": word if word is pieces[0] else f" {word}"} for word in pieces]
        )
        choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
        choices.append({"index": 0, "delta": {}, "finish_reason": reason})
        chunk = _head("chat.completion.chunk")
        events = [chunk | {"choices": [choice]} for choice in choices]
        events.append(chunk | {"choices": [], "usage": USAGE})
        for event in events:
            self.wfile.write(b"data: " + json.dumps(event).encode() + b"\n\n")
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True


def _answer(body: dict[str, Any]) -> dict[str, object]:
    tools = body.get("tools")
    if tools and body["messages"][-1]["role"] != "tool":
        name = tools[0]["function"]["name"]
        function = {"name": name, "arguments": '{"city": "Oslo"}'}
        call = {"id": "call_1", "type": "function", "function": function}
        return {"role": "assistant", "content": None, "tool_calls": [call]}
    return {"role": "assistant", "content": ANSWER}


def _head(kind: str) -> dict[str, object]:
    return {"id": "1", "object": kind, "created": 1, "model": "tiny"}


@pytest.fixture(scope="session")
def gateway() -> Iterator[str]:
    """The gateway's address, http://HOST:PORT."""
    upstream = ThreadingHTTPServer(("127.0.0.1", 0), ChatOnly)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{upstream.server_port}/v1"
    command = [CHARTER, "gateway", "--listen", "127.0.0.1:0", "--openai", url]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said = process.stderr.readline()
    assert said.startswith("listening on "), said + process.stderr.read()
    yield said.removeprefix("listening on ").removesuffix("/v1\n")
    process.terminate()
    assert process.wait(10) == 0
    upstream.shutdown()
