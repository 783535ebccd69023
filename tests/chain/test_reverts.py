from __future__ import annotations

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from bot.chain.reverts import revert_reason

ADDRESS = "0x" + "ab" * 20


def error(signature: str, types: list[str], values: list[object]) -> bytes:
    return keccak(text=signature)[:4] + encode(types, values)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (
            error("OverCap(address,uint256,uint256)", ["address", "uint256", "uint256"], [ADDRESS, 12, 10]),
            f"OverCap(venue={ADDRESS}, value=12, cap=10)",
        ),
        (
            error("SpotOffTwap(int24,int24,int24)", ["int24"] * 3, [-700, 3, 500]),
            "SpotOffTwap(spotTick=-700, meanTick=3, maxTickDeviation=500)",
        ),
        (error("EnforcedPause()", [], []), "EnforcedPause()"),
        (error("Error(string)", ["string"], ["OLD"]), "reverted: OLD"),
        (error("Panic(uint256)", ["uint256"], [0x11]), "panic: arithmetic overflow"),
        (error("Panic(uint256)", ["uint256"], [0x99]), "panic: 0x99"),
    ],
)
def test_names_the_error_and_its_numbers(data: bytes, told: str) -> None:
    assert revert_reason(data) == told
    assert revert_reason("0x" + data.hex()) == told
    assert revert_reason({"data": "0x" + data.hex()}) == told


def test_an_unknown_error_keeps_its_selector_and_the_nodes_words() -> None:
    assert revert_reason("0xdeadbeef", "execution reverted") == "execution reverted (0xdeadbeef)"


def test_a_known_selector_with_too_few_bytes_is_not_decoded() -> None:
    data = keccak(text="OverCap(address,uint256,uint256)")[:4] + b"\1"
    assert revert_reason(data, "execution reverted") == f"execution reverted (0x{data.hex()})"


@pytest.mark.parametrize("data", [None, "0x", "", "0xabc", 7, {}, {"data": None}])
def test_without_data_the_nodes_message_is_told(data: object) -> None:
    assert revert_reason(data, "out of gas") == "out of gas"
    assert revert_reason(data) == "reverted without a reason"
