"""The prompt lint: places in an agent's source where its prompts waste the KV cache."""
