"""What can be changed from here of a server that is reached by HTTP: nothing but prompts."""

from collections.abc import Iterator

from charter_engine.contracts.deploy import Profile
from charter_engine.contracts.server import (
    KIND_IN_WORDS,
    LeverName,
    ServerLever,
    ServerProfile,
)
from charter_engine.contracts.settings import SERVER_SETTINGS
from charter_engine.servers.trtllm_serve import RELEASE_PATH

LEVER_OF_SETTING: dict[str, LeverName] = {
    "tokens_per_block": "block size",
    "enable_kv_cache_reuse": "reuse",
    "kv_cache_free_gpu_mem_fraction": "pool",
    "max_tokens_in_paged_kv_cache": "pool",
    "kv_cache_host_memory_bytes": "host tier",
    "kv_cache_onboard_blocks": "host tier",
}
NO_RANGES = "a plan keeps ranges of a prompt, and its priority is of whole requests: it is not sent"
BY_MESSAGES = "it forgets by messages, and sessions are known by their tokens here"
NO_TRIAL = "a share is tried where charter_bls serves, which tells the arms of a trial apart"
NO_GATEWAY = (
    "prompts of programs reach the server without passing this engine: serve --gateway HOST:PORT "
    "puts one in front of it"
)


def profile_by_http(server: ServerProfile, *, has_gateway: bool) -> Profile:
    """A server of OpenAI's shape as plans see it: layouts alone act, those for traffic where a
    gateway of ours is in front of it."""
    reuse, retention = server.lever("reuse"), server.lever("retention")
    release = _why_no_release(server, has_gateway=has_gateway)
    host = next((tier.bytes for tier in server.tiers if tier.name == "host"), None)
    return Profile(
        path="http",
        server_version=server.version,
        models=(server.model,) if server.model else (),
        release=not release,
        kv_stats=True,
        tokens_per_block=server.tokens_per_block,
        parameters={
            "enable_kv_cache_reuse": str(reuse.acts).lower(),
            **({"kv_cache_host_memory_bytes": str(host)} if host else {}),
        },
        reasons={
            **dict(_settings(server)),
            **({} if reuse.acts else {"reuse": reuse.reason}),
            "retention": NO_RANGES if retention.acts else retention.reason,
            **({"release": release} if release else {}),
            "plan_push": f"no plan is pushed to {_called(server)}: it has no charter_bls",
            "load_unload": f"{_called(server)} takes its settings as options when it is started",
            "repository_files": f"{_called(server)} has no model repository",
            "times": f"{_called(server)} tells no times of a request: they are measured here",
            "share": NO_TRIAL,
            **({} if has_gateway else {"apply": NO_GATEWAY}),
        },
        eviction=server.rules,
    )


def _why_no_release(server: ServerProfile, *, has_gateway: bool) -> str:
    """Why the sessions that pass a gateway of ours are not released; empty where they can be."""
    lever = server.lever("release")
    if not lever.acts:
        return lever.reason
    if RELEASE_PATH not in lever.where:
        return BY_MESSAGES
    return "" if has_gateway else NO_GATEWAY


def _settings(server: ServerProfile) -> Iterator[tuple[str, str]]:
    """Why each setting cannot be changed from here."""
    for setting in SERVER_SETTINGS:
        name = LEVER_OF_SETTING.get(setting.key)
        yield setting.key, _why_not(server, server.lever(name) if name else None)


def _why_not(server: ServerProfile, lever: ServerLever | None) -> str:
    if lever is None:
        return f"{_called(server)} has a scheduler of its own"
    return f"{lever.where or lever.remedy}, when it is started"


def _called(server: ServerProfile) -> str:
    return KIND_IN_WORDS[server.kind]
