"""Whether anything in a backtest knows what it could not have known: the whole pipeline, from catalogue to fills."""
