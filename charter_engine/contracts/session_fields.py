"""Which session a request belongs to, by the fields that clients put into its body.

The same of a request that passes and of one in a log.
"""

from collections.abc import Mapping

METADATA_KEYS = ("session_id", "conversation_id", "thread_id", "user_id")


def session_in(fields: Mapping[str, object]) -> str:
    """The session that the fields of a body name; empty where they name none."""
    conversation = _mapping(fields.get("conversation_params"))
    metadata = _mapping(fields.get("metadata"))
    candidates = (
        fields.get("session_id"),
        conversation.get("conversation_id"),
        fields.get("conversation"),
        _mapping(fields.get("conversation")).get("id"),
        *(metadata.get(name) for name in METADATA_KEYS[:-1]),
        fields.get("prompt_cache_key"),
        metadata.get(METADATA_KEYS[-1]),
        fields.get("user"),
    )
    return next((value for value in candidates if isinstance(value, str) and value), "")


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
