"""A backtest cut into folds: walk-forward, and combinatorial purged cross-validation, with models refitted inside."""
