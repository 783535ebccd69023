"""How fast Patron is, measured here and now against named peers: `python -m backtests.benchmark`."""
