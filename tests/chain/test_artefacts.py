from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.chain import artefacts
from bot.errors import ChainError

LIBRARY = "0x" + "5a" * 20


def test_every_artefact_that_a_devnet_needs_is_there() -> None:
    for name in artefacts._PATHS:
        found = artefacts.artefact(name)
        libraries = dict.fromkeys(found.links, LIBRARY)
        assert len(found.bytecode(libraries)) > 500
    assert artefacts.permit2_runtime().startswith("0x60")
    assert artefacts.multicall3_creation().startswith("0x60")


def test_a_library_is_linked_where_it_belongs_and_nowhere_else() -> None:
    contract = artefacts.artefact("NonfungibleTokenPositionDescriptor")
    (offset,) = contract.links["NFTDescriptor"]
    linked = contract.bytecode({"NFTDescriptor": LIBRARY})
    assert linked[offset : offset + 20].hex() == "5a" * 20
    assert linked[:offset].hex() == contract.code[: 2 * offset]
    assert linked[offset + 20 :].hex() == contract.code[2 * offset + 40 :]


def test_an_unlinked_library_is_named() -> None:
    with pytest.raises(ChainError, match="needs the address of its library NFTDescriptor"):
        artefacts.artefact("NonfungibleTokenPositionDescriptor").bytecode()


def test_a_missing_file_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATRON_CONTRACTS", str(tmp_path))
    monkeypatch.delenv("ANVIL", raising=False)
    for ask in (
        lambda: artefacts.artefact("Vault"),
        lambda: artefacts.abi("Vault"),
        artefacts.anvil_binary,
        artefacts.permit2_runtime,
        artefacts.multicall3_creation,
    ):
        with pytest.raises(ChainError, match=r"^contracts/.* is missing: run `make setup`$"):
            ask()


def test_a_file_without_the_code_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATRON_CONTRACTS", str(tmp_path))
    path = tmp_path / artefacts._VIEM
    path.parent.mkdir(parents=True)
    path.write_text("exports.nothing = 1", encoding="utf-8")
    with pytest.raises(ChainError, match="does not hold the code that was expected"):
        artefacts.multicall3_creation()


def test_anvil_may_be_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANVIL", str(tmp_path / "nothing"))
    with pytest.raises(ChainError, match="ANVIL names no file"):
        artefacts.anvil_binary()
    (tmp_path / "nothing").write_text("", encoding="utf-8")
    assert artefacts.anvil_binary() == tmp_path / "nothing"


def test_the_committed_interfaces_are_those_of_the_compiled_contracts() -> None:
    ours = [name for name, path in artefacts._PATHS.items() if path.startswith("out/")]
    told = [name for name in ours if (artefacts.contracts_dir() / "abi" / f"{name}.json").exists()]
    assert {"Vault", "TimelockController", "DecisionRegistry", "ComplianceRegistry", "UniswapV3Hold"} <= set(told)
    for name in told:
        compiled = {json.dumps(entry, sort_keys=True) for entry in artefacts.artefact(name).abi}
        assert {json.dumps(entry, sort_keys=True) for entry in artefacts.abi(name)} == compiled, name


def test_the_code_on_chain_is_linked_and_its_gaps_are_known() -> None:
    vault, library = artefacts.artefact("Vault"), artefacts.artefact("Rules")
    with pytest.raises(ChainError, match="Vault needs the address of its library"):
        vault.deployed()
    code = vault.deployed(dict.fromkeys(vault.runtime_links, LIBRARY))
    for offset in (offset for offsets in vault.runtime_links.values() for offset in offsets):
        assert code[offset : offset + 20].hex() == "5a" * 20
    assert vault.immutables
    assert all(not any(code[start : start + length]) for start, length in vault.immutables)
    assert library.immutables == ((1, 20),), "a library holds its own address"
    assert artefacts.artefact("WETH9").runtime == ""
