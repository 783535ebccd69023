"""An in-process EVM with the real Uniswap V3 bytecode: no node, no network, one fresh machine per market.

A machine is never rewound: pyrevm's checkpoints leak call depth until every call halts. Build a new one
instead, it takes some milliseconds. Needs `npm ci` and `forge build` (tests included) in contracts/.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pyrevm
from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak

CONTRACTS = Path(__file__).resolve().parents[2] / "contracts"
UNISWAP = "node_modules/@uniswap"
PERIPHERY = f"{UNISWAP}/v3-periphery/artifacts/contracts"
FACTORY = f"{UNISWAP}/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json"
MANAGER = f"{PERIPHERY}/NonfungiblePositionManager.sol/NonfungiblePositionManager.json"
ROUTER = f"{UNISWAP}/swap-router-contracts/artifacts/contracts/SwapRouter02.sol/SwapRouter02.json"
PAIR_FACTORY = f"{UNISWAP}/v2-core/build/UniswapV2Factory.json"
MEDIA_TOKEN = "out/MediaToken.sol/MediaToken.json"
MARKET_MAKER = "out/MarketMaker.sol/MarketMaker.json"
POOL_DRIVER = "out/PoolDriver.sol/PoolDriver.json"
PAIR_DRIVER = "out/PairDriver.sol/PairDriver.json"

OWNER = "0x" + "11" * 20
NOBODY = "0x" + "22" * 20
NOW = 1_750_000_000
SUPPLY = 1 << 200
_WORD = (1 << 256) - 1


_OUTPUT = re.compile(r"output: 0x([0-9a-f]*)")


class Reverted(AssertionError):
    """The EVM executed the call and refused it; the message is pyrevm's account of it."""

    @property
    def output(self) -> bytes:
        """What the contract said: nothing where it halted (a division by zero, an assertion of old Solidity)."""
        found = _OUTPUT.search(str(self))
        return bytes.fromhex(found[1]) if found else b""

    @property
    def reason(self) -> str:
        """The contract's reason as text, empty when it gave none."""
        if self.output[:4] != _ERROR:
            assert not self.output, f"the call failed, but not for a reason of the contract under test: {self}"
            return ""
        return str(decode(["string"], self.output[4:])[0])


@dataclass(frozen=True, slots=True)
class SwapEvent:
    """What a pool's Swap event says, in the order of the contract."""

    amount0: int
    amount1: int
    sqrt_price_x96: int
    liquidity: int
    tick: int


@cache
def creation_code(artefact: str) -> bytes:
    """Creation bytecode of an artefact, path relative to contracts/; hardhat's and forge's JSON alike."""
    path = CONTRACTS / artefact
    hint = "run npm ci, then forge build with the tests (without --skip test), in contracts/"
    assert path.is_file(), f"contracts/{artefact} is missing: {hint}"
    bytecode = json.loads(path.read_text(encoding="utf-8"))["bytecode"]
    hexadecimal = bytecode["object"] if isinstance(bytecode, dict) else bytecode
    return bytes.fromhex(hexadecimal.removeprefix("0x"))


@cache
def selector(function: str) -> bytes:
    return keccak(text=function)[:4]


_ERROR = selector("Error(string)")


def words(*values: int) -> bytes:
    """Arguments of one word each, as the ABI encodes them; negative ones in two's complement."""
    return b"".join([(value & _WORD).to_bytes(32, "big") for value in values])


def numbers(output: bytes) -> list[int]:
    """Every word of some return data as an unsigned number."""
    return [int.from_bytes(output[at : at + 32], "big") for at in range(0, len(output), 32)]


def signed(value: int, bits: int = 256) -> int:
    """The number that the lowest `bits` bits of a word mean in two's complement."""
    value &= (1 << bits) - 1
    return value - (value >> (bits - 1) << bits)


class Machine:
    """A fresh EVM whose calls come from OWNER unless they say otherwise."""

    def __init__(self) -> None:
        self._evm = pyrevm.EVM()
        self.set_time(NOW)

    def set_time(self, timestamp: int) -> None:
        """Nothing; the calls that follow are in a block of this time."""
        self._evm.set_block_env(
            pyrevm.BlockEnv(number=1, timestamp=timestamp, basefee=0, prevrandao=b"\0" * 32, excess_blob_gas=0)
        )

    def send(self, to: str, data: bytes, caller: str = "") -> bytes:
        """Raw return data of a call with raw data, or Reverted."""
        try:
            return self._evm.message_call(caller or OWNER, to, data)
        except RuntimeError as error:  # pyrevm has no narrower class
            raise Reverted(str(error)) from error

    def storage(self, address: str, slot: int) -> int:
        """One word of a contract's storage, without a call."""
        return self._evm.storage(address, slot)

    def deploy(self, artefact: str, types: Sequence[str] = (), values: Sequence[Any] = ()) -> str:
        """Address of a new contract."""
        return self._evm.deploy(OWNER, creation_code(artefact) + encode(types, values))

    def call(self, to: str, function: str, values: Sequence[Any] = (), returns: Sequence[str] = ()) -> tuple[Any, ...]:
        """Decoded return values of a state-changing call. `function` is a canonical signature."""
        output = self.send(to, selector(function) + encode(_argument_types(function), values))
        return tuple(decode(returns, output))

    def events(self, address: str, event: str, types: Sequence[str]) -> list[tuple[Any, ...]]:
        """Unindexed arguments of one kind of event that a contract emitted in the last call, in order."""
        topic = keccak(text=event)
        result = self._evm.result
        assert result is not None, "no call was made yet"
        found = []
        for log in result.logs:
            topics, data = log.data
            if log.address.lower() == address.lower() and topics[0] == topic:
                found.append(tuple(decode(types, data)))
        return found


class Market:
    """One real Uniswap V3 pool with three real ways to trade with it.

    `maker` (our MarketMaker) trades exact inputs and nudges; `router` (SwapRouter02) adds price limits and
    exact outputs; `manager` (NonfungiblePositionManager) mints for amounts and burns. OWNER holds what the
    maker does not.
    """

    def __init__(
        self, fee_pips: int, sqrt_price_x96: int, maker_funds: tuple[int, int] = (SUPPLY // 2, SUPPLY // 2)
    ) -> None:
        machine = self.machine = Machine()
        tokens = [
            machine.deploy(MEDIA_TOKEN, ("string", "string", "address", "uint256"), (name, name, OWNER, SUPPLY))
            for name in ("A", "B")
        ]
        self.tokens = tuple(sorted(tokens, key=str.lower))
        self.fee_pips = fee_pips
        factory = machine.deploy(FACTORY)
        self.manager = machine.deploy(MANAGER, ("address",) * 3, (factory, NOBODY, NOBODY))
        self.router = machine.deploy(ROUTER, ("address",) * 4, (NOBODY, factory, self.manager, NOBODY))
        self.maker = machine.deploy(MARKET_MAKER, ("address",), (OWNER,))
        (self.pool,) = machine.call(
            factory, "createPool(address,address,uint24)", (*self.tokens, fee_pips), ("address",)
        )
        machine.call(self.pool, "initialize(uint160)", (sqrt_price_x96,))
        for token, funds in zip(self.tokens, maker_funds, strict=True):
            machine.call(token, "transfer(address,uint256)", (self.maker, funds))
            for spender in (self.manager, self.router):
                machine.call(token, "approve(address,uint256)", (spender, SUPPLY))

    def swap_events(self) -> list[SwapEvent]:
        """The pool's Swap events of the last call."""
        types = ("int256", "int256", "uint160", "uint128", "int24")
        events = self.machine.events(self.pool, "Swap(address,address,int256,int256,uint160,uint128,int24)", types)
        return [SwapEvent(*event) for event in events]

    def seed(self, lower: int, upper: int, liquidity: int) -> tuple[int, int]:
        """(amount0, amount1) that the maker paid for a position of its own."""
        amounts = self.machine.call(
            self.maker,
            "seed(address,int24,int24,uint128)",
            (self.pool, lower, upper, liquidity),
            ("uint256", "uint256"),
        )
        return amounts[0], amounts[1]

    def step(self, noise: Sequence[int], low_x96: int, high_x96: int) -> list[SwapEvent]:
        """Swap events of one step of the maker: the noise in order, then the nudge if one was needed."""
        steps = [(self.pool, list(noise), low_x96, high_x96)]
        self.machine.call(self.maker, "step((address,int256[],uint160,uint160)[])", (steps,))
        return self.swap_events()

    def route(self, zero_for_one: bool, amount_specified: int, limit_x96: int) -> SwapEvent:
        """Swap event of a swap through the router; limit 0 is none, a negative amount an exact output."""
        kind, bound = ("Input", 0) if amount_specified > 0 else ("Output", SUPPLY)
        token_in, token_out = self.tokens if zero_for_one else self.tokens[::-1]
        order = (token_in, token_out, self.fee_pips, OWNER, abs(amount_specified), bound, limit_x96)
        function = f"exact{kind}Single((address,address,uint24,address,uint256,uint256,uint160))"
        self.machine.call(self.router, function, (order,))
        (event,) = self.swap_events()
        return event

    def mint(self, lower: int, upper: int, amount0: int, amount1: int) -> tuple[int, int, int, int]:
        """(token id, liquidity, amount0, amount1) that the manager minted for at most these amounts."""
        order = (*self.tokens, self.fee_pips, lower, upper, amount0, amount1, 0, 0, OWNER, NOW)
        kinds = "address,address,uint24,int24,int24,uint256,uint256,uint256,uint256,address,uint256"
        returns = ("uint256", "uint128", "uint256", "uint256")
        token_id, liquidity, paid0, paid1 = self.machine.call(self.manager, f"mint(({kinds}))", (order,), returns)
        return token_id, liquidity, paid0, paid1

    def burn(self, token_id: int, liquidity: int) -> tuple[int, int]:
        """(amount0, amount1) that the pool owes for liquidity taken out of one of the manager's positions."""
        function = "decreaseLiquidity((uint256,uint128,uint256,uint256,uint256))"
        order = (token_id, liquidity, 0, 0, NOW)
        amounts = self.machine.call(self.manager, function, (order,), ("uint256", "uint256"))
        return amounts[0], amounts[1]

    def fee_growth(self) -> tuple[int, int]:
        """Fees per unit of liquidity since the pool began, (token0, token1), each times 2^128."""
        growth = [
            self.machine.call(self.pool, f"feeGrowthGlobal{token}X128()", (), ("uint256",))[0] for token in (0, 1)
        ]
        return growth[0], growth[1]

    def balances(self, holder: str) -> tuple[int, int]:
        """(token0, token1) that an address holds."""
        held = [self.machine.call(token, "balanceOf(address)", (holder,), ("uint256",))[0] for token in self.tokens]
        return held[0], held[1]


def _argument_types(function: str) -> list[str]:
    """Top-level argument types of a canonical signature; commas inside tuples do not separate."""
    types, depth, current = [], 0, ""
    for character in function[function.index("(") + 1 : -1]:
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            types.append(current)
            current = ""
        else:
            current += character
    return [*types, current] if current else types
