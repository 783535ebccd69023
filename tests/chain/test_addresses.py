from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
from eth_utils.address import is_checksum_address

from bot.chain import addresses
from bot.chain.addresses import CHAINS, AddressBook, book, book_of
from bot.chain.devnet.protocols import PERMIT2
from bot.chain.multicall import MULTICALL3
from bot.errors import ChainError


@pytest.mark.parametrize("chain", CHAINS)
def test_every_address_is_checksummed_and_no_two_are_the_same(chain: str) -> None:
    entries = asdict(book(chain))
    assert entries.pop("chain_id") > 0
    assert all(is_checksum_address(address) for address in entries.values())
    assert len(set(entries.values())) == len(entries)
    assert (entries["multicall3"], entries["permit2"]) == (MULTICALL3, PERMIT2)


def test_every_file_is_a_chain_and_every_chain_has_its_id() -> None:
    assert {path.stem for path in addresses.FOLDER.iterdir()} == set(CHAINS)
    assert [book(chain).chain_id for chain in CHAINS] == [1, 8_453, 137, 42_161]
    assert book_of(8_453) == book("base")
    assert book_of(31_337) is None


def test_an_unknown_chain_is_one_line() -> None:
    with pytest.raises(ChainError, match="no address book for chain 'solana': known are ethereum, base"):
        book("solana")


def test_an_incomplete_book_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "base.yaml").write_text("chain_id: 8453\nmonye: '0x00'\n", encoding="utf-8")
    monkeypatch.setattr(addresses, "FOLDER", tmp_path)
    with pytest.raises(ChainError, match="entries missing or unknown") as caught:
        book.__wrapped__("base")
    assert "monye" in str(caught.value)
    assert isinstance(book("ethereum"), AddressBook)
