"""How long it takes from a signal's arrival to a mined transaction on the fork: ``python -m bot.latency``."""
