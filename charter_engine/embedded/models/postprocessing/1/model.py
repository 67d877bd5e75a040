"""What Triton's Python backend loads: `charter_engine.embedded.engine.upstream_serving`."""

from charter_engine.embedded.engine.upstream_serving import Postprocessing as TritonPythonModel

__all__ = ["TritonPythonModel"]
