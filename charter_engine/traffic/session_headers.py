"""Which session a request belongs to, by the headers and fields that clients already send.

Sources: Claude Code (`x-claude-code-…`), Codex (`session-id`), OpenCode (`x-session-id`,
`x-parent-session-id`), NVIDIA Dynamo (`X-Dynamo-Session-ID`), TensorRT-LLM's `trtllm-serve`
(`x-session-id`, `x-correlation-id`, `x-session-affinity`, `x-multi-turn-session-id`,
`conversation_params`), vLLM (`session_id`), OpenAI (`prompt_cache_key`, `metadata`, `user`).
"""

from collections.abc import Mapping

from msgspec import UNSET, Raw, Struct, UnsetType, ValidationError, json

from charter_engine.contracts.session_fields import session_in

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
FINAL_HEADERS = ("x-charter-session-final", "x-dynamo-session-final")
"""With a value that means yes: the session ends with this request."""
YES = ("1", "true", "yes")
LONGEST = 256
"""Characters of a session's name; more are cut off."""


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


def ends_session(headers: Mapping[str, str]) -> bool:
    """Whether a client says that its session ends with this request."""
    return any(headers.get(name, "").strip().lower() in YES for name in FINAL_HEADERS)


def _in_fields(fields: SessionFields) -> str:
    names = SessionFields.__struct_fields__
    return session_in({name: _value(getattr(fields, name)) for name in names})


def _value(raw: Raw | UnsetType) -> object:
    if raw is UNSET:
        return None
    try:
        return json.decode(raw)
    except ValidationError:
        return None
