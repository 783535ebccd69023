"""Compiled contracts and binaries, found where `npm ci` and `forge build` leave them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from bot.errors import ChainError

_V3_PERIPHERY = "node_modules/@uniswap/v3-periphery/artifacts/contracts"
_SEAPORT = "node_modules/@opensea/seaport-js/src/artifacts/seaport/contracts"
_PATHS = {
    "Accounts": "out/Accounts.sol/Accounts.json",
    "ComplianceRegistry": "out/ComplianceRegistry.sol/ComplianceRegistry.json",
    "DecisionRegistry": "out/DecisionRegistry.sol/DecisionRegistry.json",
    "DevDollar": "out/DevDollar.sol/DevDollar.json",
    "MarketMaker": "out/MarketMaker.sol/MarketMaker.json",
    "MediaToken": "out/MediaToken.sol/MediaToken.json",
    "Rules": "out/Rules.sol/Rules.json",
    "TimelockController": "out/TimelockController.sol/TimelockController.json",
    "UniswapV3Hold": "out/UniswapV3Hold.sol/UniswapV3Hold.json",
    "Vault": "out/Vault.sol/Vault.json",
    "DevSavings": "out/DevSavings.sol/DevSavings.json",
    "Erc4626Venue": "out/Erc4626Venue.sol/Erc4626Venue.json",
    "MediaAsset": "out/MediaAsset.sol/MediaAsset.json",
    "RevenueShare": "out/RevenueShare.sol/RevenueShare.json",
    "RevenueSplitFactory": "out/RevenueSplit.sol/RevenueSplitFactory.json",
    "RevenueVenue": "out/RevenueVenue.sol/RevenueVenue.json",
    "RevenueWrapper": "out/RevenueWrapper.sol/RevenueWrapper.json",
    "SeaportVenue": "out/SeaportVenue.sol/SeaportVenue.json",
    "UniswapV3Range": "out/UniswapV3Range.sol/UniswapV3Range.json",
    "ZoraCoinVenue": "out/ZoraCoinVenue.sol/ZoraCoinVenue.json",
    "ConduitController": f"{_SEAPORT}/conduit/ConduitController.sol/LocalConduitController.json",
    "Seaport": f"{_SEAPORT}/Seaport.sol/Seaport.json",
    "Coin": "out-zora/Coin.sol/Coin.json",
    "ProtocolRewards": "out-zora/rewards/ProtocolRewards.sol/ProtocolRewards.json",
    "ZoraFactory": "out-zora/ZoraFactory.sol/ZoraFactory.json",
    "ZoraFactoryImpl": "out-zora/ZoraFactoryImpl.sol/ZoraFactoryImpl.json",
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
_OWN_ADDRESS = "73" + "00" * 20  # how a library's code begins: with where it is, to be called by others only
_ANVIL = "node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil"
_PERMIT2 = "node_modules/@uniswap/v4-periphery/lib/permit2/test/utils/DeployPermit2.sol"
_VIEM = "node_modules/viem/_cjs/constants/contracts.js"


Links = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Artefact:
    """One compiled contract. `links`: library name -> byte offsets in the creation code where its address belongs.

    `runtime`, `runtime_links`: the same of the code that is left on chain, empty where the compiler did not tell it.
    `immutables`: (offset, length) of what is filled in there when it is created.
    """

    name: str
    abi: tuple[Mapping[str, Any], ...]
    code: str  # creation code as hexadecimal without 0x; placeholders until it is linked
    links: Links
    runtime: str = ""
    runtime_links: Links = field(default_factory=dict)
    immutables: tuple[tuple[int, int], ...] = ()

    def bytecode(self, libraries: Mapping[str, str] | None = None) -> bytes:
        """Creation code with each library's address in place. Raises ChainError naming one that is not given."""
        return self._linked(self.code, self.links, libraries)

    def deployed(self, libraries: Mapping[str, str] | None = None) -> bytes:
        """Code on chain, metadata included, immutables zero. Raises ChainError likewise."""
        return self._linked(self.runtime, self.runtime_links, libraries)

    def _linked(self, code: str, links: Links, libraries: Mapping[str, str] | None) -> bytes:
        for library, offsets in links.items():
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
    if not isinstance(bytecode, dict):  # hardhat and truffle do not nest the code and its links, forge does
        code = bytecode.removeprefix("0x")
        return Artefact(name, tuple(document["abi"]), code, _links(document.get("linkReferences")))
    deployed = document["deployedBytecode"]
    runtime = deployed["object"].removeprefix("0x")
    spots = (spot for found in deployed.get("immutableReferences", {}).values() for spot in found)
    immutables = [(int(spot["start"]), int(spot["length"])) for spot in spots]
    if runtime.startswith(_OWN_ADDRESS):
        immutables.append((1, 20))
    return Artefact(
        name,
        tuple(document["abi"]),
        bytecode["object"].removeprefix("0x"),
        _links(bytecode["linkReferences"]),
        runtime,
        _links(deployed["linkReferences"]),
        tuple(sorted(immutables)),
    )


def _links(references: Mapping[str, Any] | None) -> Links:
    return {
        library: tuple(int(spot["start"]) for spot in spots)
        for libraries in (references or {}).values()
        for library, spots in libraries.items()
    }


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
