"""Sweeps: many combinations of strategy-file values over one history, and how much of the best one is luck.

`space` reads what is varied, `plan` makes combinations and names each by a digest, `evaluate` runs a parcel of them,
`results` keeps what came out, `runner` drives the three, `analysis` and `heatmap` look at it, `commands` prints.
"""
