"""A strategy file is read whole or refused in one line that says where and what: never a traceback, never a guess."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bot.config import Config, load_config
from bot.errors import ConfigError
from bot.loading import Options, load
from bot.settings import settings_of, simulated_universe

FILE = """\
capital: 1000 USDC
every: 1d
strategy:
  name: reversal
  params:
    bars: 7
signals: [stars]
venues:
  render-usdc:
    kind: uniswap_v3_hold
    asset: RENDER
    fee: 30 bps
    topics:
      stars: [render/*]
  fet-usdc:
    kind: uniswap_v3_hold
    asset: FET
    fee: 0.05 %
limits:
  max_venue: 25 %
  min_idle: 10 %
"""
TOPICS = "    topics:\n      stars: [render/*]\n"
POOL = "0x8ad599c3A0ff1De082011EFDDc58f1908eb6e6D8"
ON_CHAIN = FILE.replace("capital:", "chain: ethereum\ncapital:").replace("    fee:", f'    pool: "{POOL}"\n    fee:')


def read(folder: Path, text: str | bytes, environment: Mapping[str, str] | None = None) -> Config:
    file = folder / "mine.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_config(file, environment or {})


def refusal(folder: Path, text: str | bytes, environment: Mapping[str, str] | None = None) -> str:
    """The line that refuses the file, from behind its folder's name on."""
    with pytest.raises(ConfigError) as refused:
        read(folder, text, environment)
    line = str(refused.value)
    assert line == " ".join(line.split()), "more than one line"
    assert line.startswith(f"{folder}/mine.yaml")
    return line.removeprefix(f"{folder}/")


def edited(old: str, new: str, text: str = FILE) -> str:
    assert text.count(old) >= 1
    return text.replace(old, new, 1)


def test_a_good_file_is_read_with_units_as_integers(tmp_path: Path) -> None:
    config = read(tmp_path, FILE)
    assert (config.every, config.limits.max_venue, config.limits.slippage) == (86_400, 2_500, 50)
    assert [venue.fee for venue in config.venues.values()] == [3_000, 500]
    assert list(config.venues) == ["render-usdc", "fet-usdc"]
    assert config.venues["render-usdc"].topics == {"stars": ("render/*",)}
    assert (config.mode, config.chain, config.bar) == ("paper", "devnet", "1d")
    assert config.strategy.params == {"bars": 7.0}


def test_what_is_done_about_sandwiches_reaches_the_limits_of_the_core(tmp_path: Path) -> None:
    plain = settings_of(read(tmp_path, FILE), simulated_universe(read(tmp_path, FILE))).limits
    assert (plain.max_sandwich_bps, plain.tighten) == (10_000, False)
    config = read(tmp_path, FILE + "  max_sandwich: 3 bps\n  on_sandwich: tighten\n")
    strict = settings_of(config, simulated_universe(config)).limits
    assert (strict.max_sandwich_bps, strict.tighten) == (3, True)


def test_a_good_file_for_a_chain_names_its_pools(tmp_path: Path) -> None:
    assert read(tmp_path, ON_CHAIN).venues["fet-usdc"].pool == POOL


def test_a_config_cannot_be_changed_once_it_is_read(tmp_path: Path) -> None:
    config = read(tmp_path, FILE)
    with pytest.raises(ValueError, match="frozen"):
        config.every = 5  # type: ignore[misc]


BAD: dict[str, tuple[str | bytes, str]] = {
    "unknown key at the top": (edited("every:", "evry:"), ":2: evry: unknown key; did you mean 'every'?"),
    "unknown key in a section": (
        edited("min_idle", "min_idel"),
        ":21: limits.min_idel: unknown key; did you mean 'min_idle'?",
    ),
    "unknown key in a venue": (
        edited("fee:", "fees:"),
        ":12: venues.render-usdc.fees: unknown key; did you mean 'fee'?",
    ),
    "unknown key in a venue that is named like a key": (
        edited("render-usdc", "pool").replace("fee:", "fees:", 1),
        ":12: venues.pool.fees: unknown key; did you mean 'fee'?",
    ),
    "unknown key like no other": (
        edited("  max_venue", "  zzz: 1\n  max_venue"),
        ":20: limits.zzz: unknown key; known here: max_loss, max_sandwich, max_staleness, max_venue, min_idle, "
        "min_trade, on_sandwich, slippage",
    ),
    "missing key": (edited("every: 1d\n", ""), ": every: is missing"),
    "missing key of a venue": (edited("    asset: RENDER\n", ""), ":9: venues.render-usdc.asset: is missing"),
    "wrong unit": (edited("1d", "20 %"), ":2: every: wrong unit '%': write a duration"),
    "bare number": (edited("25 %", "25"), ":20: limits.max_venue: a unit is missing: write a share"),
    "bare number as text": (edited("25 %", '"25"'), ":20: limits.max_venue: expected a share"),
    "bare number for money": (edited("1000 USDC", "1000"), ":1: capital: a unit is missing: write an amount"),
    "finer than a basis point": (edited("25 %", "25.001 %"), ":20: limits.max_venue: finer than a basis point"),
    "no fee tier": (edited("30 bps", "31 bps"), ":12: venues.render-usdc.fee: not a Uniswap V3 fee tier"),
    "nothing may be held": (
        edited("25 %", "91 %"),
        ":20: limits.max_venue and limits.min_idle contradict: 9100 bps + 1000 bps > 100 %",
    ),
    "smallest trade above the capital": (
        edited("min_idle: 10 %", "min_trade: 1001 USDC"),
        ":21: limits.min_trade and capital contradict",
    ),
    "no time to learn": (FILE + "scorer: {train: 8d}\n", ":22: scorer.train: must be longer than scorer.horizon"),
    "zero capital": (
        edited("1000 USDC", "0 USDC").replace("min_idle: 10 %", "min_trade: 0 USDC"),
        ":1: capital: must be above zero",
    ),
    "negative capital": (edited("1000 USDC", "-1 USDC"), ":1: capital: an amount with a token symbol, zero or more"),
    "another money": (edited("1000 USDC", "1000 DAI"), ":19: limits.min_trade: in USDC, but capital is in DAI"),
    "another money for the pools": (
        FILE + "devnet: {depth: 4000000 DAI}\n",
        ":22: devnet.depth: in DAI, but capital is in USDC",
    ),
    "empty pools": (FILE + "devnet: {depth: 0 USDC}\n", ":22: devnet.depth: must be at least 1"),
    "parameter that is no number": (
        edited("bars: 7", "bars: .nan"),
        ":6: strategy.params.bars: input should be a finite",
    ),
    "infinite parameter": (edited("bars: 7", "bars: .inf"), ":6: strategy.params.bars: input should be a finite"),
    "parameter of another type": (edited("bars: 7", "bars: [7]"), ":6: strategy.params.bars: "),
    "text for a section": (
        edited("  name: reversal\n  params:\n    bars: 7\n", "  reversal\n"),
        ":3: strategy: expected a section",
    ),
    "empty section": (FILE + "policy:\n", ":22: policy: expected a section of keys (got None)"),
    "list for venues": (FILE[: FILE.index("venues:")] + "venues: [a, b]\n", ":8: venues: expected a section of keys"),
    "no venues": (FILE[: FILE.index("venues:")] + "venues: {}\n", ":8: venues: at least one is needed"),
    "too many venues": (
        FILE[: FILE.index("venues:")]
        + "venues:\n"
        + "".join(f"  v{i}: {{kind: uniswap_v3_hold, asset: A{i}, fee: 30 bps}}\n" for i in range(257)),
        ":8: venues: 257 named, at most 256 are read",
    ),
    "venue called idle": (edited("fet-usdc", "idle"), ":15: venues.idle: a venue id is lower-case"),
    "venue in capitals": (edited("fet-usdc", "FET"), ":15: venues.FET: a venue id is lower-case"),
    "topic of no signal": (
        edited("stars: [render/*]", "forks: [render/*]"),
        ":14: venues.render-usdc.topics.forks: not among signals (stars)",
    ),
    "empty topic": (edited("[render/*]", '[""]'), ":14: venues.render-usdc.topics.stars.0: "),
    "other kind of venue": (edited("uniswap_v3_hold", "zora"), ":10: venues.render-usdc.kind: "),
    "liquidity without a range": (
        edited("uniswap_v3_hold", "uniswap_v3_lp"),
        ":9: venues.render-usdc.width: is missing; say how far the range reaches, such as 20 %",
    ),
    "range of no width": (
        edited("    fee: 30 bps", "    fee: 30 bps\n    width: 0 %").replace("_hold", "_lp", 1),
        ":13: venues.render-usdc.width: must be above zero",
    ),
    "range without a unit": (
        edited("    fee: 30 bps", "    fee: 30 bps\n    width: 20").replace("_hold", "_lp", 1),
        ":13: venues.render-usdc.width: a unit is missing: write a share",
    ),
    "range of tokens that are held": (
        edited("    fee: 30 bps", "    fee: 30 bps\n    width: 20 %"),
        ":13: venues.render-usdc.width: only liquidity has a range (kind: uniswap_v3_lp)",
    ),
    "pool without a fee": (
        edited("    fee: 30 bps\n", ""),
        ":9: venues.render-usdc.fee: is missing; kind uniswap_v3_hold needs it",
    ),
    "fee of a vault": (
        edited("uniswap_v3_hold", "erc4626"),
        ":12: venues.render-usdc.fee: does not belong to kind erc4626",
    ),
    "pieces without a price": (
        edited("uniswap_v3_hold", "seaport").replace("    fee: 30 bps\n", "", 1),
        ":9: venues.render-usdc.max_price: is missing; kind seaport needs it",
    ),
    "pieces in other money": (
        edited("uniswap_v3_hold", "seaport").replace("    fee: 30 bps\n", "    max_price: 5 EURC\n", 1),
        ":12: venues.render-usdc.max_price: in EURC, but capital is in USDC",
    ),
    "pool of a coin": (
        edited("uniswap_v3_hold", "zora_v3").replace("    fee: 30 bps\n", f'    pool: "{POOL}"\n', 1),
        ":12: venues.render-usdc.pool: does not belong to kind zora_v3, which is named by `coin`",
    ),
    "coin on the devnet": (
        edited("uniswap_v3_hold", "zora_v3").replace("    fee: 30 bps\n", f'    coin: "{POOL}"\n', 1),
        ":12: venues.render-usdc.coin: the devnet makes its own coins; name a chain or drop the address",
    ),
    "pieces on a chain": (
        edited("uniswap_v3_hold", "seaport", ON_CHAIN)
        .replace("    fee: 30 bps\n", "    max_price: 5 USDC\n", 1)
        .replace(f'    pool: "{POOL}"\n', "", 1),
        ":11: venues.render-usdc.kind: seaport is made on the devnet alone so far (chain ethereum)",
    ),
    "vault without its address": (
        edited("uniswap_v3_hold", "erc4626", ON_CHAIN)
        .replace("    fee: 30 bps\n", "", 1)
        .replace(f'    pool: "{POOL}"\n', "", 1),
        ":10: venues.render-usdc.vault: chain ethereum needs the address of the vault",
    ),
    "other mode": (FILE + "mode: dream\n", ":22: mode: input should be 'paper', 'fork' or 'live' (got 'dream')"),
    "whole number as text": (FILE + "devnet: {seed: '7'}\n", ":22: devnet.seed: "),
    "truth for a number": (FILE + "devnet: {seed: true}\n", ":22: devnet.seed: "),
    "pool on the devnet": (
        edited("    fee:", f'    pool: "{POOL}"\n    fee:'),
        ":12: venues.render-usdc.pool: the devnet makes",
    ),
    "no pool on a chain": (
        edited("capital:", "chain: base\ncapital:"),
        ":10: venues.render-usdc.pool: chain base needs the address",
    ),
    "bad checksum": (
        edited("ad599c3A0", "AD599c3A0", ON_CHAIN),
        f":13: venues.render-usdc.pool: bad checksum; if the digits are right, write {POOL} (got ",
    ),
    "lower-case address": (ON_CHAIN.replace(POOL, POOL.lower(), 1), ":13: venues.render-usdc.pool: bad checksum"),
    "short address": (ON_CHAIN.replace(POOL, POOL[:-1], 1), ":13: venues.render-usdc.pool: not an address"),
    "zero address": (ON_CHAIN.replace(POOL, "0x" + "00" * 20, 1), ":13: venues.render-usdc.pool: the zero address"),
    "unclosed list": (edited("[stars]", "[stars"), ":8: not valid YAML: "),
    "tab": (FILE + "\tevery: 2d\n", ":22: not valid YAML: found character '\\t' that cannot start any token"),
    "key given twice": (FILE + "every: 2d\n", ':22: not valid YAML: found duplicate key "every"'),
    "two documents": (FILE + "---\na: 1\n", ":22: not valid YAML: but found another document"),
    "unknown anchor": (FILE + "policy: *mine\n", ":22: not valid YAML: found undefined alias 'mine'"),
    "control character": (FILE + "mode: \x00\n", ": not valid YAML: unacceptable character"),
    "impossible date": (edited("1000 USDC", "2024-13-45"), ": not valid YAML: month must be in 1..12"),
    "not text": (b"\xff\xfe\x00", ": cannot be read: "),
    "empty": ("", ": expected a mapping of keys such as capital, strategy, venues"),
    "only a remark": ("# nothing yet\n", ": expected a mapping"),
    "list": ("- capital\n", ": expected a mapping"),
    "one word": ("patron\n", ": expected a mapping"),
}


@pytest.mark.parametrize("name", list(BAD))
def test_a_bad_file_is_refused_in_one_line_with_its_place(tmp_path: Path, name: str) -> None:
    text, said = BAD[name]
    assert refusal(tmp_path, text).startswith(f"mine.yaml{said}")


def test_anchors_and_merges_are_read_and_their_errors_have_a_line(tmp_path: Path) -> None:
    merged = FILE + "  # again\n"
    merged = edited("  fet-usdc:\n    kind: uniswap_v3_hold\n", "  fet-usdc:\n    <<: *first\n", merged)
    merged = edited("  render-usdc:\n", "  render-usdc: &first\n", merged)
    config = read(tmp_path, merged)
    assert [(venue.asset, venue.fee) for venue in config.venues.values()] == [("RENDER", 3_000), ("FET", 500)]
    wrong = edited("    fee: 30 bps", "    fee: 31 bps", merged).replace("    fee: 0.05 %\n", "")
    assert refusal(tmp_path, wrong).startswith("mine.yaml:12: venues.render-usdc.fee: not a Uniswap V3 fee tier")
    only_merged = edited("    fee: 0.05 %\n", "    pool: x\n", merged)
    assert refusal(tmp_path, only_merged).startswith("mine.yaml:18: venues.fet-usdc.pool: not an address")


def test_a_missing_file_says_how_to_write_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        load_config(tmp_path / "none.yaml", {})
    assert str(refused.value) == f"{tmp_path}/none.yaml: no such file; `patron init {tmp_path}/none.yaml` writes one"


def test_a_folder_is_no_strategy_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path, {})


def test_what_was_got_is_shown_but_never_at_length(tmp_path: Path) -> None:
    line = refusal(tmp_path, edited("1000 USDC", "x" * 5_000))
    assert len(line) < 250
    assert f"(got '{'x' * 80}')" in line


def test_the_environment_overrides_and_adds_sections(tmp_path: Path) -> None:
    given = {
        "PATRON__LIMITS__SLIPPAGE": "30 bps",
        "PATRON__POLICY__BAND": "2 %",
        "PATRON__SIGNALS": "[stars, forks]",
        "PATRON__STRATEGY__PARAMS__BARS": "3",
        "PATRON__EVERY": "6h",
        "PATRON_EVERY": "7h",
        "HOME": "/",
    }
    config = read(tmp_path, FILE, given)
    assert (config.limits.slippage, config.policy.band, config.every) == (30, 200, 21_600)
    assert config.signals == ("stars", "forks")
    assert config.strategy.params == {"bars": 3.0}
    assert config.limits.max_venue == 2_500  # what the file says stays


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("PATRON__LIMITS__SLIPPAGE", "5", ": limits.slippage: a unit is missing: write a share"),
        ("PATRON__LIMITS__MAX_VENUE", "5 days", ": limits.max_venue: wrong unit 'days'"),
        ("PATRON__LIMITS__SLIPAGE", "5 bps", ": limits.slipage: unknown key; did you mean 'slippage'?"),
        ("PATRON__LIMIT__SLIPPAGE", "5 bps", ": limit: unknown key; did you mean 'limits'?"),
        ("PATRON__LIMITS__SLIPPAGE", "[5", ": limits.slippage: not a YAML value (got '[5')"),
        ("PATRON__LIMITS__SLIPPAGE", "2024-13-45", ": limits.slippage: not a YAML value (got '2024-13-45')"),
        ("PATRON__CAPITAL__NUMBER", "5", ": capital: is not a section, so nothing can be set in it"),
        ("PATRON__LIMITS", "5", ": limits: expected a section of keys (got 5)"),
        ("PATRON__", "5", ": : unknown key; known here"),
    ],
)
def test_a_bad_override_names_the_variable_and_no_line_of_the_file(
    tmp_path: Path, variable: str, value: str, said: str
) -> None:
    line = refusal(tmp_path, FILE, {variable: value})
    assert line.startswith(f"mine.yaml{said}")
    assert line.endswith(f"from {variable}")


def test_a_key_of_the_file_that_is_wrong_is_told_as_the_files_beside_a_good_override(tmp_path: Path) -> None:
    line = refusal(tmp_path, edited("25 %", "25"), {"PATRON__LIMITS__SLIPPAGE": "5 bps"})
    assert line.startswith("mine.yaml:20: limits.max_venue: a unit is missing")
    assert "PATRON__" not in line


def test_what_only_the_devnet_reads_is_not_checked_elsewhere(tmp_path: Path) -> None:
    in_ether = ON_CHAIN.replace("1000 USDC", "10 WETH").replace("min_idle: 10 %", "min_trade: 0.01 WETH")
    assert str(read(tmp_path, in_ether).capital) == "10 WETH"


def answer(folder: Path, text: str | bytes) -> Config | str:
    """What was read, or the line that refuses it from the file's name on."""
    try:
        return read(folder, text)
    except ConfigError as error:
        return str(error).removeprefix(f"{folder}/")


words = st.sampled_from(
    [*re.findall(r"\S+|\n *", FILE), "[", "]", "{", "}", "&a", "*a", "!!int", "<<:", "- ", "? ", "|", "%"]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(st.lists(words, max_size=40).map(" ".join) | st.text(max_size=60) | st.binary(max_size=60))
@example("capital: &a [*a]")
@example("!!int")
@example("<<: \n capital:")
@example("?  1000 \n \n 1000")
@example("a: !!float x")
@example("a: &x 1\nb: &x 2")
@example("? [a]\n: 1")
@example(b"\xef\xbb\xbfcapital: 1 USDC")
def test_whatever_the_bytes_the_answer_is_a_config_or_one_line(tmp_path: Path, text: str | bytes) -> None:
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    said = answer(tmp_path, raw)
    assert isinstance(said, Config) or len(said.splitlines()) == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.data())
def test_a_good_file_with_one_line_damaged_is_refused_or_read_but_never_breaks(
    tmp_path: Path, data: st.DataObject
) -> None:
    lines = FILE.splitlines()
    number = data.draw(st.integers(0, len(lines) - 1))
    lines[number] = data.draw(
        st.sampled_from([lines[number][:-2], "", lines[number] + " :", "  " + lines[number], "x"])
    )
    said = answer(tmp_path, "\n".join(lines))
    assert isinstance(said, Config) or re.match(r"mine\.yaml(:\d+)?: \S", said)


def test_a_file_nested_without_end_is_refused_in_one_line(tmp_path: Path) -> None:
    # Whether Python's recursion limit or the end of the file comes first is not ours to say.
    assert ": not valid YAML: " in refusal(tmp_path, "[" * 1_000)


KINDS = """\
  lent: {kind: erc4626, asset: LENT, max_loss: 10 bps}
  coin: {kind: zora_v3, asset: COIN, max_loss: 5 %}
  pieces: {kind: seaport, asset: PIECES, max_price: 20 USDC, max_loss: 10 %}
  shares: {kind: revenue_share, asset: SHARES, fee: 1 %}
limits:
"""


def test_every_kind_of_venue_can_be_named_on_the_devnet(tmp_path: Path) -> None:
    config = read(tmp_path, edited("limits:\n", KINDS))
    universe = simulated_universe(config)
    assert {venue.kind for venue in universe.risky} >= {"erc4626", "zora_v3", "seaport", "revenue_share"}
    coin = universe["coin"]
    assert (coin.fee_pips, coin.tick_spacing, coin.toll_bps, coin.max_loss_bps) == (10_000, 200, 100, 500)
    assert (universe["lent"].fee_pips, universe["lent"].toll_bps) == (0, 0)


def test_what_only_contracts_can_be_is_refused_where_there_are_none(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(edited("limits:\n", KINDS).replace("signals: [stars]", "signals: []").replace(TOPICS, ""))
    said = f"{file}: venues.lent.kind: erc4626: lives on a chain alone; use mode: fork "
    with pytest.raises(ConfigError) as refused:
        load(Options(file, mode="paper", synthetic=7))
    assert str(refused.value).startswith(said)
    assert load(Options(file, mode="fork", synthetic=7)).universe["pieces"].kind == "seaport"
