"""A provider's backtest file to start from: valid as it stands, with a word on all that is worth changing."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from backtests.lp.config_file import load_lp_config
from backtests.lp.minutes import load_minutes
from bot.errors import ConfigError
from bot.pool_log import read_pool_log

MONEY: Final = ("USDC", "USDT", "DAI", "USDC.E", "USDBC", "USD₮0")  # what people reckon in, if the pool has one
DEFAULT_TOKENS: Final = ("USDC:6", "WETH:18")

_HEAD = """\
# A liquidity provider's backtest. It is valid as it stands; change what you like and run `patron lp backtest` on it.
# Quantities carry their unit (5 %, 6h, 10000 USDC), and a key that Patron does not know is refused.

"""

_POOL = """\
pool:                          # minute bars do not say which pool they are of
  token0: {{symbol: {symbols[0]}, decimals: {decimals[0]}}}
  token1: {{symbol: {symbols[1]}, decimals: {decimals[1]}}}
  fee: {fee}

"""

_REST = """\
capital: {amount} {money}
every: 1h                      # time between two looks of the strategy
# from: 2022-07-20             # the first and the last day that count; all of them without
# to: 2022-08-19

strategy:
  name: recentre               # also: static, full_range, volatility, one_sided, hold
  params:
    width: 5 %                 # from the price divided by 1.05 to the price times 1.05
    at: 100 %                  # set anew when the price has gone so far from the middle to an edge

costs:
  gas_price: {gas}
  native_price: {native} {money}   # one unit of the chain's own coin
  swap: pool                   # where we swap before a mint: in the pool itself, or external
"""


def write_lp_starter(
    file: Path,
    log: Path | None = None,
    minutes: Sequence[Path] = (),
    tokens: tuple[str, str] = DEFAULT_TOKENS,
    fee: str = "0.05 %",
) -> list[str]:
    """Writes a backtest file of an event log, or of minute bars, beside `file`; lines that say so and what comes next.

    tokens: SYMBOL:DECIMALS of token 0 and token 1 of the bars' pool; a log knows its own. Paths are written as seen
    from the file's folder. Raises ConfigError for what cannot be written or is there already, DataError for the data.
    """
    if (log is None) == (not minutes):
        raise ConfigError("name an event log with --log, or minute bars with --minutes" + (", not both" if log else ""))
    if log is not None:
        facts = read_pool_log(log).facts
        symbols = (facts.token0.symbol, facts.token1.symbol)
        source = f"log: {_quoted(_beside(file, log))}\n\n"
    else:
        load_minutes(minutes)
        symbols, decimals = _tokens(tokens)
        names = "".join(f"\n  - {_quoted(_beside(file, path))}" for path in minutes)
        source = f"minutes:{names}\n\n" + _POOL.format(symbols=symbols, decimals=decimals, fee=fee)
    money = next((symbol for symbol in symbols if symbol.upper() in MONEY), symbols[1])
    stable = money.upper() in MONEY
    rest = _REST.format(amount="10000" if stable else "10", money=money, gas="5 gwei", native="3000" if stable else "1")
    try:
        with file.open("x", encoding="utf-8") as new:
            new.write(_HEAD + source + rest)
    except FileExistsError:
        raise ConfigError(f"{file}: is already there, and is not overwritten; name another file") from None
    except OSError as error:
        raise ConfigError(f"{file}: cannot be written: {error.strerror}") from None
    try:
        load_lp_config(file)
    except ConfigError:  # a symbol or fee that no file may have: nothing half right is left behind
        file.unlink()
        raise
    named = shlex.quote(str(file))
    data = "an event log" if log is not None else f"minute bars ({len(minutes)} named)"
    return [
        f"wrote {file}: {symbols[0]}/{symbols[1]}, {data}",
        f"try next: patron lp backtest {named} --report report.html",
    ]


def _tokens(tokens: tuple[str, str]) -> tuple[tuple[str, str], tuple[int, int]]:
    """(symbols, decimals) of two SYMBOL:DECIMALS."""
    symbols, decimals = [], []
    for number, text in enumerate(tokens):
        symbol, _, digits = text.partition(":")
        if not symbol or not digits.isdecimal():
            raise ConfigError(f"--token{number}: write SYMBOL:DECIMALS, such as USDC:6 (got {text!r})")
        symbols.append(symbol)
        decimals.append(int(digits))
    return (symbols[0], symbols[1]), (decimals[0], decimals[1])


def _beside(file: Path, path: Path) -> str:
    """`path` as seen from the folder of `file`."""
    return os.path.relpath(path.resolve(), file.resolve().parent)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
