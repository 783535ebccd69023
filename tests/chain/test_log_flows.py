from __future__ import annotations

from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from bot.chain.artefacts import abi
from bot.chain.log_flows import FLOWS, IN_MONEY, SIGNATURES, Watched, flows, topics_of
from bot.core.units import ZERO_ADDRESS

HERE, THERE, MONEY = "0x" + "ab" * 20, "0x" + "cd" * 20, "0x" + "ee" * 20
HOUR, AT = 3_600, 480_000 * 3_600
ITEM, PAID = "(uint8,address,uint256,uint256)[]", "(uint8,address,uint256,uint256,address)[]"
POOL, PIECES = Watched("pool", HERE), Watched("collection", HERE)
SALES = Watched("sales", THERE, collection=HERE)
MEDIA, REVENUE = Watched("media", HERE), Watched("revenue", HERE, money=MONEY)


def word(value: int) -> str:
    return f"0x{value % (1 << 256):064x}"


def log(event: str, indexed: list[int], types: tuple[str, ...], values: tuple[Any, ...], **more: Any) -> dict[str, Any]:
    return {
        "address": HERE,
        "topics": ["0x" + keccak(text=event).hex(), *map(word, indexed)],
        "data": "0x" + encode(types, values).hex(),
        "blockNumber": "0x1",
        "logIndex": "0x0",
        "transactionHash": word(7),
        "removed": False,
        **more,
    }


def counted(watched: Watched, *logs: dict[str, Any], at: int = AT) -> dict[tuple[str, str], int]:
    sums, unfit = flows(watched, logs, dict.fromkeys(range(100), at))
    assert not unfit
    assert {hour for _, _, hour in sums} <= {at // HOUR}
    assert {name for name, _, _ in sums} <= set(FLOWS[watched.what])
    return {(name, token): amount for (name, token, _), amount in sums.items()}


def swap(amount0: int, amount1: int, **more: Any) -> dict[str, Any]:
    types = ("int256", "int256", "uint160", "uint128", "int24")
    return log(SIGNATURES["pool"][0], [1, 2], types, (amount0, amount1, 1 << 96, 5, -7), **more)


def order(given: list[Any], taken: list[Any], transaction: int = 7, index: int = 0) -> dict[str, Any]:
    values = (bytes(32), MONEY, given, [(*item, HERE) for item in taken])
    more = {"address": THERE, "transactionHash": word(transaction), "logIndex": hex(index)}
    return log(SIGNATURES["sales"][0], [1, 2], ("bytes32", "address", ITEM, PAID), values, **more)


@pytest.mark.parametrize(
    ("contract", "signature"),
    [
        ("MediaAsset", SIGNATURES["media"][0]),
        ("MediaAsset", SIGNATURES["media"][1]),
        ("MediaAsset", SIGNATURES["media"][2]),
        ("MediaAsset", SIGNATURES["collection"][0]),
        ("RevenueShare", SIGNATURES["revenue"][0]),
        ("RevenueSplit", SIGNATURES["revenue"][1]),
    ],
)
def test_our_contracts_still_emit_the_events_that_are_asked_for(contract: str, signature: str) -> None:
    declared = {
        f"{each['name']}({','.join(put['type'] for put in each['inputs'])})"
        for each in abi(contract)
        if each["type"] == "event"
    }
    assert signature in declared


def test_the_topics_are_those_that_chains_know() -> None:
    assert topics_of("collection") == ["0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"]
    assert topics_of("pool")[0] == "0xc42079f94a6350d7e6235f29174924f928cc2ac818eb64fed8004e115fbcca67"
    assert topics_of("sales") == ["0x9d9af8e38d66c62e2c12f0225249fd9d721c54b83f48d9352c97c6cacdcb6f31"]


def test_swaps_count_money_whichever_way_it_goes() -> None:
    mint = log(SIGNATURES["pool"][1], [1, 2, 3], ("address", "uint128", "uint256", "uint256"), (HERE, 1, 2, 3))
    logs = (swap(10, -300), swap(-20, 500, logIndex="0x1"), mint)
    assert counted(POOL, *logs) == {("swaps", ""): 2, ("swap_volume", ""): 800, ("mints", ""): 1}
    assert counted(Watched("pool", HERE, quote=0), *logs)["swap_volume", ""] == 30


def test_transfers_from_nobody_are_new_pieces() -> None:
    logs = [log(SIGNATURES["collection"][0], [who, 5, 9], (), (), logIndex=hex(who)) for who in (0, 1, 2)]
    assert counted(PIECES, *logs) == {("transfers", ""): 3, ("minted", ""): 1}


def test_a_sale_is_an_order_of_a_piece_for_money_from_either_side() -> None:
    piece = (2, HERE, 77, 1)
    listing = order([piece], [(0, ZERO_ADDRESS, 0, 90), (0, ZERO_ADDRESS, 0, 10)])
    assert counted(SALES, listing) == {("sales", ""): 1, ("sale_volume", ""): 100}
    bid = order([(0, ZERO_ADDRESS, 0, 80)], [piece])
    assert counted(SALES, bid) == {("sales", ""): 1, ("sale_volume", ""): 80}


def test_both_orders_of_a_match_are_one_sale() -> None:
    piece, price = (2, HERE, 77, 1), (0, ZERO_ADDRESS, 0, 100)
    match = (order([piece], [price], index=1), order([price], [piece], index=2))
    assert counted(SALES, *match) == counted(SALES, *match[::-1]) == {("sales", ""): 1, ("sale_volume", ""): 100}
    again = order([piece], [price], transaction=8, index=3)
    assert counted(SALES, *match, again)["sales", ""] == 2


def test_what_is_not_paid_in_the_money_that_is_watched_is_a_sale_without_volume() -> None:
    piece, price = (2, HERE, 77, 1), (1, MONEY, 0, 100)
    assert counted(SALES, order([piece], [price])) == {("sales", ""): 1}
    paid = Watched("sales", THERE, collection=HERE, money=MONEY)
    assert counted(paid, order([piece], [price])) == {("sales", ""): 1, ("sale_volume", ""): 100}
    bundle = order([piece, (2, MONEY, 1, 1)], [(0, ZERO_ADDRESS, 0, 5)])
    assert counted(SALES, bundle) == {("sales", ""): 1}  # nobody can say what of it was paid for which


def test_other_collections_and_swaps_of_pieces_are_no_sales() -> None:
    price = (0, ZERO_ADDRESS, 0, 100)
    assert counted(SALES, order([(2, MONEY, 77, 1)], [price])) == {}
    assert counted(SALES, order([(2, HERE, 77, 1)], [(2, MONEY, 1, 1)])) == {}


def test_a_licence_that_runs_for_no_time_is_a_use() -> None:
    def licensed(token: int, until: int, price: int, index: int) -> dict[str, Any]:
        return log(SIGNATURES["media"][0], [token, 2, 3], ("uint64", "uint256"), (until, price), logIndex=hex(index))

    derived = log(SIGNATURES["media"][2], [50, 4], ("bytes32", "uint256"), (bytes(32), 500), logIndex="0x9")
    minted = log(SIGNATURES["media"][1], [4, 2, 3], ("address", "uint256"), (MONEY, 5), logIndex="0x8")
    found = counted(MEDIA, licensed(4, AT, 10, 0), licensed(4, AT + 9, 70, 1), licensed(5, AT, 3, 2), derived, minted)
    assert found == {
        ("uses", "4"): 1, ("use_paid", "4"): 10, ("licences", "4"): 1, ("licence_paid", "4"): 70,
        ("uses", "5"): 1, ("use_paid", "5"): 3, ("derived", "4"): 1, ("media_minted", ""): 1,
        ("uses", ""): 2, ("use_paid", ""): 13, ("licences", ""): 1, ("licence_paid", ""): 70, ("derived", ""): 1,
    }  # fmt: skip


def test_revenue_is_what_shares_counted_and_what_splits_released_of_the_money() -> None:
    logs = [log(SIGNATURES["revenue"][0], [], ("uint256",), (30,))]
    for index, money in enumerate((MONEY, THERE), start=1):
        released = log(SIGNATURES["revenue"][1], [int(money, 16), 2], ("uint256",), (5,), logIndex=hex(index))
        logs.append(released)
    assert counted(REVENUE, *logs) == {("royalties", ""): 35}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"removed": True}, "was removed by a reorganisation"),
        ({"address": THERE}, "is of 0xcdcd"),
        ({"topics": ["0x" + "11" * 32]}, "no log of a pool"),
        ({"topics": [topics_of("pool")[0]]}, "has 1 topics and 160 bytes, not 3 and 160"),
        ({"data": "0x"}, "has 3 topics and 0 bytes"),
        ({"data": "0x" + "zz" * 160}, "no log of a pool"),
        ({"topics": None}, "no log of a pool: TypeError"),
        ({"data": None}, "no log of a pool: TypeError"),
    ],
)
def test_a_log_that_is_none_of_these_is_named_and_costs_only_itself(changes: dict[str, Any], told: str) -> None:
    bad = swap(1, 1, blockNumber="0x2", logIndex="0x5") | changes
    sums, ((place, reason),) = flows(POOL, [swap(10, -300), bad], {1: AT, 2: AT})
    assert sums["swap_volume", "", AT // HOUR] == 300
    assert place == "block 2 log 5"
    assert told in reason


@given(st.lists(st.tuples(st.integers(-(2**255), 2**255 - 1), st.integers(0, 5)), max_size=8), st.randoms())
def test_no_order_of_logs_matters(amounts: list[tuple[int, int]], random: Any) -> None:
    logs = [
        swap(1, amount, blockNumber=hex(block), logIndex=hex(index)) for index, (amount, block) in enumerate(amounts)
    ]
    times = {block: AT + block * HOUR for block in range(6)}
    mixed = logs[:]
    random.shuffle(mixed)
    sums, unfit = flows(POOL, logs, times)
    assert flows(POOL, mixed, times) == (sums, unfit)
    assert sum(sum_ for (name, _, _), sum_ in sums.items() if name == "swap_volume") == sum(abs(a) for a, _ in amounts)


@given(st.binary(max_size=400))
def test_whatever_bytes_an_order_holds_it_is_counted_or_named(data: bytes) -> None:
    bad = order([], []) | {"data": "0x" + data.hex()}
    sums, unfit = flows(SALES, [bad], {1: AT})
    assert all(amount >= 0 for amount in sums.values())
    assert len(unfit) <= 1


def test_flows_in_money_are_flows() -> None:
    assert {name for names in FLOWS.values() for name in names} >= IN_MONEY
