"""Answers one request of the benchmark with the pool's own bytecode in an EVM in process. Never imported.

    python pyrevm_swaps.py REQUEST.npz ANSWER.json

The request: `contracts` (the folder with node_modules and out), `fee_pips`, `price` (decimal text), `positions` (K, 3)
decimal text of lower tick, upper tick and liquidity, `zero_for_one` (n,), `amounts` (n,) decimal text, `batch`, how
many swaps a message call carries. Our market maker contract mints the positions and makes the swaps.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyrevm
from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak

OWNER = "0x" + "11" * 20
SUPPLY = 1 << 200
FACTORY = "node_modules/@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json"
STEP = "step((address,int256[],uint160,uint160)[])"
ANYWHERE = (1, (1 << 160) - 1)  # a band that needs no nudge


def selector(function: str) -> bytes:
    return keccak(text=function)[:4]


class Market:
    """One pool, its maker, and the maker's inventory."""

    def __init__(self, contracts: Path, fee_pips: int, price: int, positions: Any) -> None:
        self.evm = pyrevm.EVM()
        block = pyrevm.BlockEnv(number=1, timestamp=1_750_000_000, basefee=0, prevrandao=bytes(32))
        self.evm.set_block_env(block)

        def deploy(artefact: str, types: list[str], values: list[Any]) -> str:
            code = json.loads((contracts / artefact).read_text(encoding="utf-8"))["bytecode"]
            hexadecimal = code["object"] if isinstance(code, dict) else code
            return self.evm.deploy(OWNER, bytes.fromhex(hexadecimal.removeprefix("0x")) + encode(types, values))

        types = ["string", "string", "address", "uint256"]
        made = [deploy("out/MediaToken.sol/MediaToken.json", types, [name, name, OWNER, SUPPLY]) for name in "AB"]
        self.tokens = sorted(made, key=str.lower)
        factory = deploy(FACTORY, [], [])
        self.maker = deploy("out/MarketMaker.sol/MarketMaker.json", ["address"], [OWNER])
        call = "createPool(address,address,uint24)"
        output = self.call(factory, call, ["address", "address", "uint24"], [*self.tokens, fee_pips])
        self.pool = decode(["address"], output)[0]
        self.call(self.pool, "initialize(uint160)", ["uint160"], [price])
        for token in self.tokens:
            self.call(token, "transfer(address,uint256)", ["address", "uint256"], [self.maker, SUPPLY])
        for lower, upper, liquidity in positions:
            given = [self.pool, int(lower), int(upper), int(liquidity)]
            kinds = ["address", "int24", "int24", "uint128"]
            self.call(self.maker, "seed(address,int24,int24,uint128)", kinds, given)

    def call(self, to: str, function: str, types: list[str], values: list[Any]) -> bytes:
        return bytes(self.evm.message_call(OWNER, to, selector(function) + encode(types, values)))

    def read(self, to: str, function: str, types: list[str]) -> tuple[Any, ...]:
        return tuple(decode(types, self.evm.message_call(OWNER, to, selector(function))))

    def inventory(self) -> list[int]:
        call, kinds = "balanceOf(address)", ["address"]
        return [int.from_bytes(self.call(token, call, kinds, [self.maker]), "big") for token in self.tokens]


def main(request: Path, answer: Path) -> None:
    with np.load(request) as given:
        asked = {name: given[name] for name in given.files}
    market = Market(Path(str(asked["contracts"])), int(asked["fee_pips"]), int(str(asked["price"])), asked["positions"])
    # The maker's sign says which token goes in: > 0 token1, < 0 token0.
    signed = [
        -int(amount) if zero_for_one else int(amount)
        for zero_for_one, amount in zip(asked["zero_for_one"], asked["amounts"], strict=True)
    ]
    batch = int(asked["batch"])
    kinds = ["(address,int256[],uint160,uint160)[]"]
    calls = [
        selector(STEP) + encode(kinds, [[(market.pool, signed[i : i + batch], *ANYWHERE)]])
        for i in range(0, len(signed), batch)
    ]
    before = market.inventory()
    since = time.perf_counter()
    for call in calls:
        market.evm.message_call(OWNER, market.maker, call)
    taken = time.perf_counter() - since
    sums = [was - now for was, now in zip(before, market.inventory(), strict=True)]
    slot = market.read(market.pool, "slot0()", ["uint160", "int24", "uint16", "uint16", "uint16", "uint8", "bool"])
    words = [
        market.read(market.pool, name, ["uint256"])[0]
        for name in ("liquidity()", "feeGrowthGlobal0X128()", "feeGrowthGlobal1X128()")
    ]
    made = {
        "versions": f"pyrevm {version('pyrevm')}",
        "state": [str(each) for each in (slot[0], slot[1], words[0], *sums, *words[1:])],
        "seconds": taken,
    }
    answer.write_text(json.dumps(made), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
