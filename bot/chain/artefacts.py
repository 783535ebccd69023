"""Compiled contracts and binaries, found where `npm ci` and `forge build` leave them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bot.errors import ChainError

_V3_PERIPHERY = "node_modules/@uniswap/v3-periphery/artifacts/contracts"
_PATHS = {
    "DevDollar": "out/DevDollar.sol/DevDollar.json",
    "MarketMaker": "out/MarketMaker.sol/MarketMaker.json",
    "MediaToken": "out/MediaToken.sol/MediaToken.json",
    "UniswapV3Hold": "out/UniswapV3Hold.sol/UniswapV3Hold.json",
    "Vault": "out/Vault.sol/Vault.json",
    "WETH9": "node_modules/canonical-weth/build/contracts/WETH9.json",
    "UniswapV3Factory": "node_modules/@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json",
    "UniswapV3Pool": "node_modules/@uniswap/v3-core/artifacts/contracts/UniswapV3Pool.sol/UniswapV3Pool.json",
    "NFTDescriptor": f"{_V3_PERIPHERY}/libraries/NFTDescriptor.sol/NFTDescriptor.json",
    "NonfungibleTokenPositionDescriptor": (
        f"{_V3_PERIPHERY}/NonfungibleTokenPositionDescriptor.sol/NonfungibleTokenPositionDescriptor.json"
    ),
    "NonfungiblePositionManager": f"{_V3_PERIPHERY}/NonfungiblePositionManager.sol/NonfungiblePositionManager.json",
    "QuoterV2": f"{_V3_PERIPHERY}/lens/QuoterV2.sol/QuoterV2.json",
    "TickLens": f"{_V3_PERIPHERY}/lens/TickLens.sol/TickLens.json",
    "SwapRouter02": (
        "node_modules/@uniswap/swap-router-contracts/artifacts/contracts/SwapRouter02.sol/SwapRouter02.json"
    ),
}
_ANVIL = "node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil"
_PERMIT2 = "node_modules/@uniswap/v4-periphery/lib/permit2/test/utils/DeployPermit2.sol"
_VIEM = "node_modules/viem/_cjs/constants/contracts.js"


@dataclass(frozen=True, slots=True)
class Artefact:
    """One compiled contract. `links`: library name -> byte offsets in the creation code where its address belongs."""

    name: str
    abi: tuple[Mapping[str, Any], ...]
    code: str  # creation code as hexadecimal without 0x; placeholders until it is linked
    links: Mapping[str, tuple[int, ...]]

    def bytecode(self, libraries: Mapping[str, str] | None = None) -> bytes:
        """Creation code with each library's address in place. Raises ChainError naming one that is not given."""
        code = self.code
        for library, offsets in self.links.items():
            address = (libraries or {}).get(library)
            if address is None:
                raise ChainError(f"{self.name} needs the address of its library {library}")
            for offset in offsets:
                code = code[: 2 * offset] + address.removeprefix("0x").lower() + code[2 * offset + 40 :]
        return bytes.fromhex(code)


def contracts_dir() -> Path:
    """The folder of the contracts: PATRON_CONTRACTS, or ``contracts`` beside the package."""
    named = os.environ.get("PATRON_CONTRACTS")
    return Path(named) if named else Path(__file__).resolve().parents[2] / "contracts"


def artefact(name: str) -> Artefact:
    """The compiled contract `name`. Raises ChainError when it is not built or not installed."""
    return _artefact(contracts_dir(), name)


def abi(name: str) -> tuple[Mapping[str, Any], ...]:
    """The committed interface of one of our contracts. Raises ChainError when the file is missing."""
    return tuple(json.loads(_text(contracts_dir() / "abi" / f"{name}.json")))


def anvil_binary() -> Path:
    """The anvil program: ANVIL, or the npm package's. Raises ChainError when it is missing."""
    named = os.environ.get("ANVIL")
    path = Path(named) if named else contracts_dir() / _ANVIL
    if not path.is_file():
        raise ChainError(f"ANVIL names no file: {named}" if named else f"{_shown(path)} is missing: run `make setup`")
    return path


def permit2_runtime() -> str:
    """Runtime code of the canonical Permit2 as 0x hexadecimal."""
    return "0x" + _constant(_PERMIT2, r'hex"([0-9a-f]+)"')


def multicall3_creation() -> str:
    """Creation code of Multicall3 as 0x hexadecimal."""
    return _constant(_VIEM, r"multicall3Bytecode = '(0x[0-9a-f]+)'")


@cache
def _artefact(folder: Path, name: str) -> Artefact:
    document = json.loads(_text(folder / _PATHS[name]))
    bytecode = document["bytecode"]
    # forge nests the code and its links, hardhat and truffle do not.
    links = (bytecode if isinstance(bytecode, dict) else document).get("linkReferences") or {}
    code = bytecode["object"] if isinstance(bytecode, dict) else bytecode
    offsets = {
        library: tuple(int(spot["start"]) for spot in spots)
        for libraries in links.values()
        for library, spots in libraries.items()
    }
    return Artefact(name, tuple(document["abi"]), code.removeprefix("0x"), offsets)


def _constant(relative: str, pattern: str) -> str:
    path = contracts_dir() / relative
    found = re.search(pattern, _text(path))
    if found is None:
        raise ChainError(f"{_shown(path)} does not hold the code that was expected: run `make setup`")
    return found.group(1)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        raise ChainError(f"{_shown(path)} is missing: run `make setup`") from None


def _shown(path: Path) -> str:
    folder = contracts_dir()
    return f"contracts/{path.relative_to(folder)}" if path.is_relative_to(folder) else str(path)
