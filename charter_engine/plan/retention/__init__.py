"""Retention policies: who asks TensorRT-LLM to keep what, for how long, and why."""
