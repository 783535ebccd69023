"""How we check it: the backtest rungs, metrics and reports."""
