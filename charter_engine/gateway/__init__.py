"""OpenAI's and Anthropic's HTTP in front of a server: `charter_bls` on Triton, or any server of
OpenAI's shape."""
