"""A run against its backtest: where the difference came from, by name."""
