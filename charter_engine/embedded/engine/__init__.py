"""The reference engine: a small Llama-shaped transformer with a really paged KV cache.

It stands where TensorRT-LLM's engine stands and computes for real; only its default weights are
random, so the text it makes means nothing. Blocks are allocated by
`charter_engine.kvcache.BlockManager`.
"""

MEANINGLESS_TEXT_NOTICE = (
    "The embedded engine has random weights: its text means nothing. "
    "Its computing, memory and reuse are real."
)
