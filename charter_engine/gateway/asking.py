"""What every API asks for and is answered, in one form: OpenAI's chat messages in, pieces out."""

from typing import Literal

from msgspec import Struct

from charter_engine.triton.request import Sampling

FinishReason = Literal["stop", "length", "tool_calls"]


class ToolCall(Struct, frozen=True, kw_only=True):
    """A function that the model calls; `arguments` is JSON as text."""

    id: str
    name: str
    arguments: str


class ChatMessage(Struct, frozen=True, kw_only=True):
    """One message of a conversation. `tool_call_id` names the call that a `tool` message
    answers."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""


class FunctionTool(Struct, frozen=True, kw_only=True):
    """A function that the model may call; `parameters` is a JSON schema."""

    name: str
    description: str = ""
    parameters: dict[str, object] = {}


class Chat(Struct, frozen=True, kw_only=True):
    """A conversation to be continued. `tool_choice` is `auto`, `none`, `required`, or the name of
    the one function to call."""

    messages: tuple[ChatMessage, ...]
    tools: tuple[FunctionTool, ...] = ()
    tool_choice: str = "auto"

    @property
    def offered_tools(self) -> tuple[FunctionTool, ...]:
        """The functions that the choice leaves to the model."""
        if self.tool_choice == "none":
            return ()
        chosen = tuple(tool for tool in self.tools if tool.name == self.tool_choice)
        return chosen or self.tools


class Asking(Struct, frozen=True, kw_only=True):
    """A request of any API. `prompt` is a conversation, a text, or token ids.

    `max_tokens` None leaves the length to the gateway. `usage_in_stream` asks for the tokens of a
    streamed answer at its end, where the API leaves the choice.
    """

    model: str
    prompt: Chat | str | tuple[int, ...]
    max_tokens: int | None = None
    sampling: Sampling = Sampling()
    stream: bool = False
    usage_in_stream: bool = False


class TokenUsage(Struct, frozen=True, kw_only=True):
    """The tokens of one answer; `cached` are those of the prompt that were reused, None where the
    server does not say."""

    prompt: int = 0
    output: int = 0
    cached: int | None = None


class Text(Struct, frozen=True):
    """More of the answer's text."""

    text: str


class Ended(Struct, frozen=True, kw_only=True):
    """The end of the answer. `stop_word` is the one that ended it, `node` the call that the server
    found the prompt to belong to."""

    reason: FinishReason
    usage: TokenUsage
    stop_word: str = ""
    node: str = ""


Piece = Text | ToolCall | Ended


class Answered(Struct, frozen=True, kw_only=True):
    """An answer as a whole."""

    text: str
    tool_calls: tuple[ToolCall, ...]
    ended: Ended


def answered(pieces: list[Piece]) -> Answered:
    """The pieces of an answer put together. The last of them is its end."""
    ended = pieces[-1]
    assert isinstance(ended, Ended)
    return Answered(
        text="".join(piece.text for piece in pieces if isinstance(piece, Text)),
        tool_calls=tuple(piece for piece in pieces if isinstance(piece, ToolCall)),
        ended=ended,
    )


def call_body(call: ToolCall) -> dict[str, object]:
    """A call in OpenAI's form."""
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }


def tool_body(tool: FunctionTool) -> dict[str, object]:
    """A function in OpenAI's form, which templates take too."""
    return {
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters,
        },
    }
