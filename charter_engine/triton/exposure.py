"""What a Triton lets anybody do: asked without credentials, and without changing anything."""

import asyncio

import grpc
from tritonclient.grpc import service_pb2
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

from charter_engine.triton.client import Connection

SECONDS = 5.0
"""Assumed: a refusal comes at once."""
QUESTIONS = {
    "model-repository": ("RepositoryIndex", service_pb2.RepositoryIndexRequest()),
    "shared-memory": ("SystemSharedMemoryStatus", service_pb2.SystemSharedMemoryStatusRequest()),
    "trace": ("TraceSetting", service_pb2.TraceSettingRequest()),
    "logging": ("LogSettings", service_pb2.LogSettingsRequest()),
}
"""A harmless call of each group that `--grpc-restricted-protocol` can close."""


async def unrestricted(connection: Connection) -> tuple[str, ...]:
    """The groups of calls that are answered without a key. Of a server behind TLS nothing is asked:
    what it answers depends on who shows which certificate."""
    if connection.ssl:
        return ()
    return await asyncio.to_thread(_answered, connection.url)


def _answered(url: str) -> tuple[str, ...]:
    with grpc.insecure_channel(url) as channel:
        stub = GRPCInferenceServiceStub(channel)
        return tuple(
            group for group, (call, request) in QUESTIONS.items() if _answers(stub, call, request)
        )


def _answers(stub: GRPCInferenceServiceStub, call: str, request: object) -> bool:
    try:
        getattr(stub, call)(request, timeout=SECONDS)
    except grpc.RpcError:
        return False
    return True
