"""What a deployment cannot do, and what a plan for it therefore leaves out."""

from msgspec.structs import replace

from charter_engine.contracts.deploy import Profile
from charter_engine.contracts.plan import Reason
from charter_engine.contracts.planning import Levers

NO_RETENTION = "the deployment takes no retention"
NOTHING_RELEASES = (
    "the engine has no input by which it is told to forget; of TensorRT-LLM's own servers only "
    "trtllm-serve can be told"
)
NO_RELOAD = "the server refuses to load and unload models"
SERVER = ("tokens_per_block", "kv_cache_host_memory_bytes", "enable_kv_cache_reuse")


def within(levers: Levers, profile: Profile) -> tuple[Levers, dict[str, Reason]]:
    """The levers that the deployment has, and why the others are left alone, by the plan value they
    set.

    `server` stands for all server settings.
    """
    reasons: dict[str, Reason] = {}
    if not profile.retention:
        levers = replace(levers, retention=False)
        words = profile.reasons.get("retention", NO_RETENTION)
        reasons["policy"] = Reason(f"default priorities, left out: {words}", "measured")
    if not profile.release:
        levers = replace(levers, release=False)
        words = profile.reasons.get("release", NOTHING_RELEASES)
        reasons["release"] = Reason(f"never, left out: {words}", "measured")
    if not profile.load_unload:
        levers = replace(levers, block_size=False, host_tier=False)
        words = profile.reasons.get("load_unload", NO_RELOAD)
        reasons |= dict.fromkeys(
            (*SERVER, "server"), Reason(f"as deployed, left out: {words}", "measured")
        )
    return levers, reasons
