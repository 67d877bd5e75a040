"""The models that a server of OpenAI's shape lists, and whose server that says it is."""

from msgspec import Struct

from charter_engine.contracts.server import KIND_IN_WORDS, ServerKind
from charter_engine.errors import CharterError
from charter_engine.servers.http import Reply, ServerHttp

SERVED_PATH = "/v1/models"
KIND_OF_OWNER: dict[str, ServerKind] = {
    "vllm": "vllm",
    "sglang": "sglang",
    "tensorrt_llm": "trtllm-serve",
}


class ListedModel(Struct, frozen=True):
    """One entry of the list. `root` is what it was loaded from."""

    id: str = ""
    owned_by: str = ""
    root: str = ""


def models_in(reply: Reply) -> tuple[ListedModel, ...]:
    """The models that an answer lists; none where it is no list."""
    data = reply.document().get("data")
    if not reply.ok or not isinstance(data, list):
        return ()
    return tuple(
        ListedModel(
            str(item.get("id", "")), str(item.get("owned_by", "")), str(item.get("root") or "")
        )
        for item in data
        if isinstance(item, dict)
    )


async def first_model(http: ServerHttp, kind: ServerKind) -> ListedModel:
    """The model that a server of this kind serves. Raises `CharterError` where it lists none, or
    another kind answers by now."""
    models = models_in(await http.get(SERVED_PATH))
    if not models:
        raise CharterError(
            f"{http.url}{SERVED_PATH} lists no model", remedy="is one loaded yet?", kind="refused"
        )
    answering = KIND_OF_OWNER.get(models[0].owned_by, kind)
    if answering != kind:
        raise CharterError(
            f"{http.url} answered as {KIND_IN_WORDS[kind]} and now as "
            f"{KIND_IN_WORDS[answering]}: several servers are behind it",
            remedy="give the address of one of them",
            kind="refused",
        )
    return models[0]
