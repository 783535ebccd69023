"""A strategy file to start from: valid as it stands, in block style, with a word on all that is worth changing."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import get_args

from pydantic import ValidationError

from bot.config import Config
from bot.config_venues import VenueConfig
from bot.errors import ConfigError, located
from bot.schema import schema_json

SCHEMA_FILE = "patron.schema.json"
MOST_VENUES = 16  # as many as the vault lists
_EXAMPLES = {"music-coin": "MUSIC", "video-coin": "VIDEO", "model-coin": "MODEL"}

_HEAD = """\
# yaml-language-server: $schema={schema}
#
# A Patron strategy file. It is valid as it stands; change what you like and run `patron check` on it.
# Quantities carry their unit (30 bps, 20 %, 6h, 250 USDC), and a key that Patron does not know is refused.
# `patron schema --reference` describes every key; an editor that reads the schema above completes them.
"""

_DEVNET = """\
chain: devnet                  # made on this machine; ethereum, base, polygon and arbitrum need pools by address
mode: paper                    # paper: a ledger on paper; fork: signed transactions to a vault on a fork
capital: 10000 USDC            # what the vault starts with; its symbol is the money of every pool
every: 1d                      # time between cycles
bar: 1d                        # length of the price bars that are read: 1h or 1d
wake_on: [signal, breaker]     # events that start a cycle early when it runs by the wall's clock

strategy:
  name: trend_tilt             # also shipped: equal_weight, reversal; or a Python file of your own beside this one
  params:
    strength: 3.0              # how far a better score tilts away from equal weight
  before_first_fit: equal_weight   # what is held until the model has learned something: this, or idle

# Sources of the data catalogue to read. This one comes with generated markets; `patron data list` names those of yours.
signals:
  - synthetic_stars

# Where capital may be, by an id of your own. `asset` names a price series of the data, `topics` the signals about it.
# Instead of holding the token, capital may earn the fees of its pool, on paper and in backtests on the replay rung:
#   kind: uniswap_v3_lp
#   width: 20 %                # a range from price ÷ 1.2 to price × 1.2, moved when the price has left it
venues:
{venues}
scorer:
  model: ridge                 # or hist_gradient_boosting
  horizon: 7d                  # how far ahead a score looks
  train: 90d                   # length of the window that it learns from
  refit: 28d
  embargo: 1d

policy:
  band: 100 bps                # smaller changes of weight are not traded
  max_turnover: 20 %           # of the portfolio, one way, per cycle
  drawdown_brake: 15 %         # below the high-water mark by this much, nothing new is bought

limits:
  max_venue: 30 %              # most of the portfolio in one venue; the vault enforces it too
  min_idle: 10 %               # least that stays in {money}
  slippage: 50 bps             # a fill may be this much below the exact quote
  max_loss: 100 bps            # a leg may cost this much against the spot price
  min_trade: 25 USDC
  max_staleness: 2d            # older data deploys nothing

devnet:
  depth: 4000000 USDC          # money that each pool is seeded with
  noise: 1 %                   # trades of others, as a share of the recorded volume
  seed: 7
"""

_CHAIN = """\
chain: {chain}{gap}# capital moves on a fork of the node in ETH_RPC_URL, never on the chain itself
mode: paper                    # paper: a ledger on paper; fork: signed transactions to a vault on a fork
capital: 10000 USDC            # what the vault starts with; its symbol is the money of every pool
every: 6h                      # time between cycles
bar: 1h                        # length of the price bars that are read: 1h or 1d
wake_on: [breaker]             # the drawdown brake may start a cycle early

strategy:
  name: equal_weight           # also shipped: trend_tilt (needs signals), reversal; or a Python file of your own

# Where capital may be, by an id of your own. Set `fee` to the pool's own: `patron check` compares it with the chain.
# `asset` names the price series of your data catalogue that speaks about the pool's token; without a catalogue
# (--data DIR) the series are generated, which is enough for equal weight since trades use the pools' own prices.
venues:
{venues}
policy:
  band: 100 bps                # smaller changes of weight are not traded
  max_turnover: 20 %           # of the portfolio, one way, per cycle
  drawdown_brake: 15 %         # below the high-water mark by this much, nothing new is bought

limits:
  max_venue: 25 %              # most of the portfolio in one venue; the vault enforces it too
  min_idle: 10 %               # least that stays in {money}
  slippage: 50 bps             # a fill may be this much below the exact quote
  max_loss: 100 bps            # a leg may cost this much against the spot price
  min_trade: 25 USDC
  max_staleness: 2d            # older data deploys nothing
"""


def write_starter(file: Path, chain: str, pools: tuple[str, ...]) -> list[str]:
    """The lines to print, after writing a strategy file at `file` and the JSON Schema beside it.

    On the devnet the file names three example venues and runs at once. On any other chain it names `pools`, the
    checksummed addresses of Uniswap V3 pools. Nothing that exists is overwritten but an older schema.
    Raises ConfigError: a file in the way, an unknown chain, pools missing, repeated, too many or mistyped.
    """
    text = starter_text(chain, pools)
    schema = file.parent / SCHEMA_FILE
    try:
        with file.open("x", encoding="utf-8") as new:
            new.write(text)
        stale = not schema.exists() or schema.read_text(encoding="utf-8") != schema_json()
        if stale:
            schema.write_text(schema_json(), encoding="utf-8")
    except FileExistsError:
        raise ConfigError(f"{file}: is already there, and is not overwritten; name another file") from None
    except (FileNotFoundError, NotADirectoryError):
        raise ConfigError(f"{file}: there is no folder {file.parent}") from None
    except PermissionError as error:
        raise ConfigError(f"{error.filename}: cannot be written: {error.strerror}") from None
    named = shlex.quote(str(file))
    count = len(pools) or len(_EXAMPLES)
    lines = [f"wrote {file}: chain {chain}, {count} venue{'s' if count > 1 else ''}"]
    lines += [f"wrote {schema}: what editors complete and check it by"] if stale else []
    if chain == "devnet":
        return [
            *lines,
            f"try next: patron check {named}",
            f"          patron backtest {named} --synthetic 7",
            f"          patron certify {named} --synthetic 7",
            f"          patron run {named} --mode fork --synthetic 7 --cycles 3 --uncertified",
        ]
    return [
        *lines,
        f"try next: set ETH_RPC_URL to a node of {chain}, then",
        f"          patron check {named}",
        f"          patron certify {named} --data CATALOGUE",
        f"          patron run {named} --mode fork --once",
    ]


def starter_text(chain: str, pools: tuple[str, ...]) -> str:
    """The text of the strategy file. Raises ConfigError as `write_starter` does."""
    chains = get_args(Config.model_fields["chain"].annotation)
    if chain not in chains:
        raise ConfigError(f"--chain: no such chain; choose {', '.join(chains)} (got {chain!r})")
    head = _HEAD.format(schema=SCHEMA_FILE)
    money = "the money token"
    if chain == "devnet":
        if pools:
            raise ConfigError("--pool: the devnet makes its own pools; name the pool's chain with --chain")
        return head + _DEVNET.format(money=money, venues="".join(_example(*example) for example in _EXAMPLES.items()))
    if not pools:
        raise ConfigError(f"--chain {chain}: name at least one Uniswap V3 pool with --pool ADDRESS")
    if len(pools) > MOST_VENUES:
        raise ConfigError(f"--pool: {len(pools)} named, the vault lists at most {MOST_VENUES}")
    for number, pool in enumerate(pools):
        _require_address(pool)
        if pool in pools[:number]:
            raise ConfigError(f"--pool: named twice (got {pool!r})")
    venues = "".join(_venue(number, pool) for number, pool in enumerate(pools, start=1))
    return head + _CHAIN.format(chain=chain, gap=" " * (24 - len(chain)), money=money, venues=venues)


def _require_address(pool: str) -> None:
    """Raises ConfigError unless a strategy file would take `pool`."""
    try:
        VenueConfig.model_validate({"kind": "uniswap_v3_hold", "asset": "ANY", "fee": "30 bps", "pool": pool})
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise ConfigError(located("--pool", "", problem, pool)) from None


def _example(name: str, asset: str) -> str:
    return f"""\
  {name}:
    kind: uniswap_v3_hold
    asset: {asset}
    fee: 30 bps
    topics:
      synthetic_stars:
        - "{asset.lower()}/*"
"""


def _venue(number: int, pool: str) -> str:
    return f"""\
  pool-{number}:
    kind: uniswap_v3_hold
    asset: POOL-{number}
    fee: 30 bps
    pool: "{pool}"
"""
