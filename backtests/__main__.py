"""`python -m backtests STRATEGY.yaml …` is `patron backtest STRATEGY.yaml …`."""

import importlib
import sys

if __name__ == "__main__":
    # By name: backtests know no command line, they only open its door.
    importlib.import_module("bot.cli").main(["backtest", *sys.argv[1:]])
