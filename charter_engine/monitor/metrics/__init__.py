"""The engine's own Prometheus page: what it sees of traffic, the deployment, GPUs and itself."""
