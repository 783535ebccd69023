"""The ``venues`` of a strategy file: where capital may be, kind by kind."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, field_validator

from bot.quantity import BpsField, FeeField, MoneyField

SPACING = {100: 1, 500: 10, 3_000: 60, 10_000: 200}  # Uniswap V3's tick spacing by fee
ZORA_FEE = 10_000  # of every Zora coin's pool
# What each kind has to say besides `asset`: its own keys, and the one that names it on a chain that is not made here.
_KEYS = {
    "uniswap_v3_hold": (("fee",), "pool"),
    "uniswap_v3_lp": (("fee", "width"), "pool"),
    "erc4626": ((), "vault"),
    "zora_v3": ((), "coin"),
    "seaport": (("max_price",), "collection"),
    "revenue_share": (("fee",), "pool"),
}
_ON_ANY_CHAIN = ("uniswap_v3_hold", "uniswap_v3_lp", "erc4626")
_ADDRESSES = ("pool", "vault", "coin", "collection")
_TOPIC = {"type": "string", "minLength": 1}
Topics = Annotated[  # a single one may stand for its list
    tuple[Annotated[str, Field(min_length=1)], ...],
    WithJsonSchema({"anyOf": [{"type": "array", "items": _TOPIC}, _TOPIC]}),
]


class Model(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class VenueConfig(Model):
    """One place capital can go. On the devnet it is made for `asset`; on any other chain an address names it."""

    kind: Literal["uniswap_v3_hold", "uniswap_v3_lp", "erc4626", "zora_v3", "seaport", "revenue_share"] = Field(
        description="hold the token, bought on one Uniswap V3 pool; put liquidity over a range around its price into "
        "the pool; and on a fork only: lend to a vault (ERC-4626), hold a Zora coin of the V3 generation, hold pieces "
        "of a collection bought on Seaport, hold revenue shares"
    )
    asset: str = Field(description="name of the price series in the data catalogue")
    fee: FeeField | None = Field(default=None, description="fee tier of the pool, for kinds with a pool of their own")
    width: BpsField | None = Field(
        default=None,
        description="of a range of liquidity: from price ÷ (1 + width) to price × (1 + width); "
        "once the price is outside, the next cycle leaves it",
    )
    max_loss: BpsField | None = Field(
        default=None, description="cost of a leg in this venue against spot, instead of `limits.max_loss`"
    )
    max_price: MoneyField | None = Field(default=None, description="most that one piece of a collection may cost")
    pool: str | None = Field(default=None, description="checksummed address of the pool")
    vault: str | None = Field(default=None, description="checksummed address of the vault that is lent to")
    coin: str | None = Field(default=None, description="checksummed address of the Zora coin")
    collection: str | None = Field(default=None, description="checksummed address of the collection")
    topics: dict[str, Topics] = Field(
        default={}, description="signal source -> topics (names or globs) that speak about this venue"
    )

    @field_validator("topics", mode="before")
    @classmethod
    def _lists(cls, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {k: tuple(v) if isinstance(v, list) else (v,) if isinstance(v, str) else v for k, v in value.items()}
        return value

    @field_validator(*_ADDRESSES)
    @classmethod
    def _checksum(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if not re.fullmatch(r"0x[0-9a-fA-F]{40}", value):
            raise ValueError("not an address: expected 0x and 40 hexadecimal digits")
        from eth_utils.address import to_checksum_address

        if value != to_checksum_address(value):
            raise ValueError(f"bad checksum; if the digits are right, write {to_checksum_address(value)}")
        if int(value, 16) == 0:
            raise ValueError("the zero address is not a pool")
        return value

    @property
    def fee_pips(self) -> int:
        """The fee of the pool that it is bought on, 0 where it is not."""
        return ZORA_FEE if self.kind == "zora_v3" else self.fee or 0

    def check(self, where: str, chain: str) -> None:
        """Raises ValueError, its text beginning with the field, for a key that is missing or of another kind."""
        needed, named_by = _KEYS[self.kind]
        if self.kind == "uniswap_v3_lp" and not self.width:
            lacking = "is missing" if self.width is None else "must be above zero"
            raise ValueError(f"{where}.width: {lacking}; say how far the range reaches, such as 20 %")
        if self.width is not None and "width" not in needed:
            raise ValueError(f"{where}.width: only liquidity has a range (kind: uniswap_v3_lp)")
        for key in ("fee", "max_price"):
            if getattr(self, key) is None and key in needed:
                raise ValueError(f"{where}.{key}: is missing; kind {self.kind} needs it")
            if getattr(self, key) is not None and key not in needed:
                raise ValueError(f"{where}.{key}: does not belong to kind {self.kind}")
        for key in _ADDRESSES:
            if getattr(self, key) is None:
                continue
            if key != named_by:
                raise ValueError(f"{where}.{key}: does not belong to kind {self.kind}, which is named by `{named_by}`")
            if chain == "devnet":
                made = "pools" if key == "pool" else f"{key}s"
                raise ValueError(f"{where}.{key}: the devnet makes its own {made}; name a chain or drop the address")
        if chain != "devnet":
            if self.kind not in _ON_ANY_CHAIN:
                raise ValueError(f"{where}.kind: {self.kind} is made on the devnet alone so far (chain {chain})")
            if getattr(self, named_by) is None:
                raise ValueError(f"{where}.{named_by}: chain {chain} needs the address of the {named_by}")
