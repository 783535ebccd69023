"""Who is who on a devnet: accounts of the mnemonic that every developer's node publishes. Never for real money."""

from __future__ import annotations

from eth_account import Account

MNEMONIC = "test test test test test test test test test test test junk"

OWNER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"  # 0: of the market: tokens, pools, the market maker
KEEPER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"  # 1: may only call allocate
CURATOR = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"  # 2: tightens, and proposes to the timelock
GUARDIAN = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"  # 3: tightens, pauses, vetoes; the compliance officer here
INVESTOR = "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65"  # 4: whose capital is in the vault
ANCHORER = "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc"  # 5: anchors decisions, and can do nothing else
DEPLOYER = "0x976EA74026E726554dB657fA54763abd0C3a0aa9"  # 6: owns everything while it is set up, nothing after
ESCROW = "0x14dC79964da2C08b23698B3D3cc7Ca32193d9955"  # 7: where the shares of somebody denied may go
CREATOR = "0x23618e81E3f5cdF7f54C3d65f7FBc0aBf5B21E8f"  # 8: makes media, and sells them
COLLECTOR = "0xa0Ee7A142d267C1f36714E4a8F75612F20a79720"  # 9: pays for uses, and bids for pieces

ROLES = (OWNER, KEEPER, CURATOR, GUARDIAN, INVESTOR, ANCHORER, DEPLOYER, ESCROW, CREATOR, COLLECTOR)


def keeper_key() -> str:
    """The keeper's private key, 0x hexadecimal: public knowledge, as is the whole mnemonic."""
    return _key(1)


def anchorer_key() -> str:
    """The anchorer's, likewise."""
    return _key(5)


def creator_key() -> str:
    """The creator's, likewise."""
    return _key(8)


def _key(number: int) -> str:
    Account.enable_unaudited_hdwallet_features()
    return str(Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{number}").key.to_0x_hex())
