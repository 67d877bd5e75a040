"""The latency model a request names: of a calibration, else from first principles."""

from pathlib import Path

import msgspec

from charter_engine.contracts.latency import Calibration, LatencyModel
from charter_engine.errors import UsageError
from charter_engine.kvcache.predict.latency import DEVICES, MODELS, from_first_principles


def latency_of(model: str, device: str, file: str = "") -> LatencyModel:
    """Times of a file that `api.calibrating` filled, else of a model on a device, *assumed*. Raises
    `UsageError`."""
    _check(model, device)
    if not file:
        return from_first_principles(model, device)
    try:
        return msgspec.json.decode(Path(file).read_bytes(), type=Calibration).model
    except (OSError, msgspec.MsgspecError) as error:
        raise UsageError(
            f"{file}: {error}", remedy="give what `charter-engine calibrate --json` printed"
        ) from error


def kv_bytes_per_token(model: str) -> int:
    """Keys and values of one token of a model that `latency_of` knows."""
    return MODELS[model].kv_bytes_per_token


def _check(model: str, device: str) -> None:
    for known, given, option in ((MODELS, model, "--model"), (DEVICES, device, "--device")):
        if given not in known:
            raise UsageError(f"{option} {given}: unknown", remedy=f"known are {', '.join(known)}")
