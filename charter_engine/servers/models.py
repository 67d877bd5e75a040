"""The models that a server of OpenAI's shape lists, and whose server that says it is."""

import msgspec
from msgspec import Struct

from charter_engine.contracts.server import KIND_IN_WORDS, ServerKind
from charter_engine.errors import CharterError
from charter_engine.servers.http import UNREADABLE, Reply, ServerHttp

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
    root: str | None = None


class ModelList(Struct, frozen=True):
    """What `/v1/models` answers."""

    data: tuple[ListedModel, ...] = ()


class TellsVersion(Struct, frozen=True):
    """What `/version` answers."""

    version: str = ""


def models_in(reply: Reply) -> tuple[ListedModel, ...]:
    """The models that an answer lists; none where it is no list."""
    if not reply.ok:
        return ()
    try:
        return msgspec.json.decode(reply.body, type=ModelList).data
    except UNREADABLE:
        return ()


async def version_of(http: ServerHttp) -> str:
    """The version that a server tells; empty where it tells none. Raises `CharterError`."""
    reply = await http.get("/version")
    return reply.read(TellsVersion).version if reply.ok else ""


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
