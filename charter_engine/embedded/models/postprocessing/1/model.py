"""Triton's Python backend looks for its model here; the model is in
`charter_engine.embedded.engine.upstream_serving`."""

from charter_engine.embedded.engine.upstream_serving import Postprocessing as TritonPythonModel

__all__ = ["TritonPythonModel"]
