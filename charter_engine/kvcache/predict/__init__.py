"""What settings would do on a workload."""
