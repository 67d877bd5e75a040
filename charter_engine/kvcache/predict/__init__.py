"""Predictions: what settings would do on a workload, in tokens and in time, between the ends of
their bracket.

`predictor` is the way in. `simulation` (each request starts and ends at its arrival) and `timeline`
(requests wait, run side by side and hold their blocks) serve the workload; `optimum` and `curve`
bound what any eviction could do.
"""
