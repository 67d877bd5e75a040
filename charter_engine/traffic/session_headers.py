"""Which session a request belongs to, by the headers and fields that clients already send.

Sources: Claude Code (`x-claude-code-…`), Codex (`session-id`), OpenCode (`x-session-id`,
`x-parent-session-id`), NVIDIA Dynamo (`X-Dynamo-Session-ID`), TensorRT-LLM's `trtllm-serve`
(`x-session-id`, `x-correlation-id`, `x-session-affinity`, `x-multi-turn-session-id`,
`conversation_params`), vLLM (`session_id`), OpenAI (`prompt_cache_key`, `metadata`, `user`).
"""

from collections.abc import Mapping

from msgspec import UNSET, Raw, Struct, UnsetType, ValidationError, json

SESSION_HEADERS = (
    "x-charter-session",
    "x-claude-code-agent-id",
    "x-claude-code-session-id",
    "x-dynamo-session-id",
    "x-session-id",
    "session-id",
    "x-correlation-id",
    "x-session-affinity",
    "x-multi-turn-session-id",
)
"""In this order. An agent's own id comes before that of the session that it was started in: each
agent continues its own prompts only."""
LONGEST = 256
"""Characters of a session's name; more are cut off."""
METADATA_KEYS = ("session_id", "conversation_id", "thread_id", "user_id")


class SessionFields(Struct, frozen=True):
    """The fields of a body that can tell its session, of whatever type they come.

    OpenAI's `previous_response_id` is not among them: it is another one at every turn, and the
    conversation that it continues tells the session by its content.
    """

    session_id: Raw | UnsetType = UNSET
    conversation_params: Raw | UnsetType = UNSET
    conversation: Raw | UnsetType = UNSET
    prompt_cache_key: Raw | UnsetType = UNSET
    metadata: Raw | UnsetType = UNSET
    user: Raw | UnsetType = UNSET


def session_of(headers: Mapping[str, str], fields: SessionFields | None = None) -> str:
    """The session that a client names; empty where it names none, and content has to tell.

    Header names are compared as HTTP compares them if `headers` does, else in lower case.
    """
    for name in SESSION_HEADERS:
        if value := headers.get(name, "").strip():
            return value[:LONGEST]
    return "" if fields is None else _in_fields(fields)[:LONGEST]


def _in_fields(fields: SessionFields) -> str:
    conversation = _mapping(fields.conversation_params)
    metadata = _mapping(fields.metadata)
    candidates = (
        _text(fields.session_id),
        conversation.get("conversation_id"),
        _text(fields.conversation) or _mapping(fields.conversation).get("id"),
        *(metadata.get(name) for name in METADATA_KEYS[:-1]),
        _text(fields.prompt_cache_key),
        metadata.get(METADATA_KEYS[-1]),
        _text(fields.user),
    )
    return next((value for value in candidates if isinstance(value, str) and value), "")


def _text(raw: Raw | UnsetType) -> str:
    value = _value(raw)
    return value if isinstance(value, str) else ""


def _mapping(raw: Raw | UnsetType) -> dict[str, object]:
    value = _value(raw)
    return value if isinstance(value, dict) else {}


def _value(raw: Raw | UnsetType) -> object:
    if raw is UNSET:
        return None
    try:
        return json.decode(raw)
    except ValidationError:
        return None
