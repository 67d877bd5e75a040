"""Charter: the KV cache of LLM agents on Triton and TensorRT-LLM, seen, predicted and changed."""

__version__ = "0.1.0"
