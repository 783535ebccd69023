"""Who is who on a devnet: accounts of the mnemonic that every developer's node publishes. Never for real money."""

from __future__ import annotations

from eth_account import Account

MNEMONIC = "test test test test test test test test test test test junk"

OWNER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"  # 0: of the market: tokens, pools, the market maker
KEEPER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"  # 1: may only call allocate
CURATOR = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"  # 2
GUARDIAN = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"  # 3
INVESTOR = "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65"  # 4: whose capital is in the vault

ROLES = (OWNER, KEEPER, CURATOR, GUARDIAN, INVESTOR)


def keeper_key() -> str:
    """The keeper's private key, 0x hexadecimal: public knowledge, as is the whole mnemonic."""
    Account.enable_unaudited_hdwallet_features()
    return str(Account.from_mnemonic(MNEMONIC, account_path="m/44'/60'/0'/0/1").key.to_0x_hex())
