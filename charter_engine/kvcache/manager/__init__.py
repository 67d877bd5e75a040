"""The block manager: which blocks a request takes, reuses, stores and gives back.

`block_manager` says what a request does, `pool` moves and forgets content, `tree` finds it and
`eviction` orders it. All of it follows TensorRT-LLM's own manager block by block;
`predict.compiled` does the same by branches, and is tested against this.
"""
