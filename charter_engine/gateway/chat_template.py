"""A conversation as the text that the model's chat template makes of it."""

import json

from charter_engine.gateway.asking import Chat, ChatMessage, tool_body
from charter_engine.gateway.errors import GatewayError
from charter_engine.triton.chat_template import ChatRefused, ChatTemplate


def rendered(template: ChatTemplate, chat: Chat) -> str:
    """The prompt, ready for the assistant's answer. Raises `GatewayError` for a conversation that
    the template refuses."""
    try:
        return template.render(
            [_message(message) for message in chat.messages],
            [tool_body(tool) for tool in chat.offered_tools],
        )
    except ChatRefused as error:
        raise GatewayError(
            400,
            f"the model's chat template refuses this conversation: {error}",
            field="messages",
        ) from None


def _message(message: ChatMessage) -> dict[str, object]:
    """As templates expect it: OpenAI's form, but for arguments, which are values and not text."""
    found: dict[str, object] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        found["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": _value(call.arguments)},
            }
            for call in message.tool_calls
        ]
    if message.tool_call_id:
        found["tool_call_id"] = message.tool_call_id
    return found


def _value(arguments: str) -> object:
    try:
        return json.loads(arguments)
    except ValueError:
        return arguments
