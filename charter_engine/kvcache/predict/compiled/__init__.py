"""The fast predictor: what `BlockManager` would do with a workload, in runs of blocks instead of
one by one."""
