"""The compiled vault against its Python mirror: shares, caps, budgets, locked gains, the breaker, move by move."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import astuple
from functools import cache
from typing import Any

import pyrevm
from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.mirror.vault_mirror import Limits, Mirror, Refused, Venue
from tests.parity.evm import CONTRACTS, NOW, OWNER, Machine, Reverted, selector

ZERO = "0x" + "00" * 20
CURATOR, GUARDIAN, KEEPER, ANCHORER, FEES, ANN, BEN = ("0x" + f"{n:02x}" * 20 for n in range(0xA1, 0xA8))
LIMITS = "(uint16,uint16,uint16,uint16,uint16,uint32,uint32,uint32,uint32,uint32,uint128,uint128)"
SETUP = f"(address,string,string,address,address,address,address,address,address,address,address,{LIMITS})"
ACTIONS, PERMITS = "(address,bool,uint256,uint256,bytes)[]", "(uint256,uint256,bytes32,bytes32[])[]"
WEALTH = 10**30
VENUES = ((4_000, 300), (3_000, 100))  # cap and loss limit, bps
GROUP_CAP = 6_000


class World(Machine):
    """The real vault, decision registry and dollar; two venues that do as they are told; one block per move."""

    def __init__(self) -> None:
        super().__init__()
        self.number, self.time = 1, NOW
        self.usd = self.deploy("out/DevDollar.sol/DevDollar.json", ("address",), (OWNER,))
        self.decisions = self.deploy("out/DecisionRegistry.sol/DecisionRegistry.json")
        libraries = {name: self.deploy(f"out/{name}.sol/{name}.json") for name in ("Rules", "Accounts")}
        roles = (OWNER, CURATOR, GUARDIAN, KEEPER, ANCHORER, FEES, self.decisions, ZERO)
        setup = encode([SETUP], [(self.usd, "Vault", "V", *roles, astuple(Limits()))])
        self.vault = self._evm.deploy(OWNER, linked(tuple(libraries.items())) + setup)
        driver = "out/VenueDriver.sol/VenueDriver.json"
        self.venues = [self.deploy(driver, ("address", "address"), (self.vault, self.usd)) for _ in VENUES]
        self.call(self.vault, "setGroupCap(uint32,uint16)", (1, GROUP_CAP))
        for venue, (cap, loss) in zip(self.venues, VENUES, strict=True):
            self.call(self.vault, "setVenue(address,uint32,uint16,uint16)", (venue, 1, cap, loss))
            self.call(self.usd, "mint(address,uint256)", (venue, WEALTH))
        for who in (ANN, BEN):
            self.call(self.usd, "mint(address,uint256)", (who, WEALTH))
            self.send(
                self.usd,
                selector("approve(address,uint256)") + encode(["address", "uint256"], [self.vault, WEALTH]),
                who,
            )

    def tick(self, seconds: int) -> None:
        """One block later."""
        self.number, self.time = self.number + 1, self.time + seconds
        block = pyrevm.BlockEnv(
            number=self.number, timestamp=self.time, basefee=0, prevrandao=b"\0" * 32, excess_blob_gas=0
        )
        self._evm.set_block_env(block)

    def number_of(self, function: str, *values: Any, caller: str = "") -> int:
        """The one number that a function of the vault returns."""
        types = function[function.index("(") + 1 : -1].split(",") if values else []
        (result,) = decode(["uint256"], self.send(self.vault, selector(function) + encode(types, values), caller))
        return int(result)

    def allocate(self, index: int, entry: bool, amount: int, first: int, second: int) -> None:
        """One action of the keeper's; an entry by a decision of one leaf, anchored a block before."""
        nonce, permits, root = self.number_of("nonce()"), [], b"\0" * 32
        if entry:
            expiry, record = self.time, keccak(text=f"record {nonce} {self.number}")
            fields = (1, self.vault, self.venues[index], True, amount, nonce, expiry, record)
            types = ["uint256", "address", "address", "bool", "uint256", "uint256", "uint256", "bytes32"]
            root = keccak(keccak(encode(types, fields)))
            permits = [(amount, expiry, record, [])]
            anchor = encode(["bytes32", "uint256", "bytes32"], [root, 1, root])
            self.send(self.decisions, selector("anchor(bytes32,uint256,bytes32)") + anchor, ANCHORER)
            self.tick(0)
        actions = [(self.venues[index], entry, amount, 0, encode(["uint256", "uint256"], [first, second]))]
        call = f"allocate({ACTIONS},{PERMITS},bytes32,uint256,uint256)"
        values = [actions, permits, root, nonce, self.time]
        self.send(
            self.vault, selector(call) + encode([ACTIONS, PERMITS, "bytes32", "uint256", "uint256"], values), KEEPER
        )


@cache
def linked(libraries: tuple[tuple[str, str], ...]) -> bytes:
    """The vault's creation code with its libraries' addresses in place."""
    bytecode = json.loads((CONTRACTS / "out/Vault.sol/Vault.json").read_text(encoding="utf-8"))["bytecode"]
    code = bytecode["object"].removeprefix("0x")
    addresses = dict(libraries)
    for names in bytecode["linkReferences"].values():
        for name, spots in names.items():
            for spot in spots:
                at = 2 * spot["start"]
                code = code[:at] + addresses[name].removeprefix("0x").lower() + code[at + 40 :]
    return bytes.fromhex(code)


parts = st.integers(0, 130).map(lambda part: part if part < 129 else 1_000)  # thousandths: seldom everything
people = st.sampled_from([ANN, BEN])
indices = st.integers(0, len(VENUES) - 1)


class VaultMachine(RuleBasedStateMachine):
    """People come and go, the keeper moves, venues gain, lose, waver and break, time passes."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.mirror = Mirror(self.world.time, [Venue(cap, loss) for cap, loss in VENUES], GROUP_CAP)
        self.deposit(ANN, 10**12)
        self.deposit(BEN, 10**12)
        self.enter(0, 100, 9_990)
        self.enter(1, 50, 9_990)

    def _both(self, mirrored: Callable[[Mirror], int], function: str, *values: Any, caller: str) -> None:
        """The same move in both worlds, with the same result or refused in both."""
        try:
            expected = mirrored(self.mirror)
        except Refused:
            try:
                found = self.world.number_of(function, *values, caller=caller)
            except Reverted:
                return
            raise AssertionError(f"{function} brought {found} where the mirror refuses") from None
        assert self.world.number_of(function, *values, caller=caller) == expected

    @rule(who=people, assets=st.integers(0, 10**13))
    def deposit(self, who: str, assets: int) -> None:
        self._both(lambda m: m.deposit(who, assets), "deposit(uint256,address)", assets, who, caller=who)

    @rule(who=people, shares=st.integers(0, 10**19))
    def mint(self, who: str, shares: int) -> None:
        self._both(lambda m: m.mint(who, shares), "mint(uint256,address)", shares, who, caller=who)

    @rule(who=people, part=parts, extra=st.integers(0, 1))
    def withdraw(self, who: str, part: int, extra: int) -> None:
        assets = self.mirror.max_assets_out(who) * part // 1_000 + extra
        call = "withdraw(uint256,address,address)"
        self._both(lambda m: m.withdraw(who, assets), call, assets, who, who, caller=who)

    @rule(who=people, part=parts, extra=st.integers(0, 1))
    def redeem(self, who: str, part: int, extra: int) -> None:
        shares = self.mirror.max_shares_out(who) * part // 1_000 + extra
        call = "redeem(uint256,address,address)"
        self._both(lambda m: m.redeem(who, shares), call, shares, who, who, caller=who)

    @rule(index=indices, part=parts, worth_bps=st.sampled_from([9_699, 9_700, 9_899, 9_900, 9_990, 10_000, 10_500]))
    def enter(self, index: int, part: int, worth_bps: int) -> None:
        assets = self.mirror.gross * part // 1_000
        worth = assets * worth_bps // 10_000
        self._allocate(lambda m: m.enter(index, assets, worth, assets), index, True, assets, worth, assets)

    @rule(index=indices, part=st.integers(1, 80))
    def enters_well(self, index: int, part: int) -> None:
        self.enter(index, part, 9_990)

    @rule(index=indices, lossless=st.booleans())
    def enters_to_the_brim(self, index: int, lossless: bool) -> None:
        """The largest entry that the mirror allows passes, and one unit more does not: whichever limit it is."""
        loss_bps = 0 if lossless else VENUES[index][1]

        def move(assets: int) -> tuple[int, int, int]:
            return assets, assets - assets * loss_bps // 10_000, assets

        low, high = 0, self.mirror.idle + 1
        while high - low > 1:
            middle = (low + high) // 2
            try:
                deepcopy(self.mirror).enter(index, *move(middle))
                low = middle
            except Refused:
                high = middle
        for assets in (low + 1, low):
            self._allocate(lambda m: m.enter(index, *move(assets)), index, True, *move(assets))  # noqa: B023

    @rule(index=indices, part=st.integers(1, 500))
    def leaves_well(self, index: int, part: int) -> None:
        self.leave(index, part, 9_990)

    @rule(index=indices, part=parts, paid_bps=st.sampled_from([0, 9_800, 9_899, 9_900, 10_000, 11_000]))
    def leave(self, index: int, part: int, paid_bps: int) -> None:
        venue = self.mirror.venues[index]
        units = venue.position * part // 1_000
        value = venue.value - venue.value * min(units, venue.position) // max(venue.position, 1)
        pays = (venue.value - value) * paid_bps // 10_000
        self._allocate(lambda m: m.leave(index, units, value, pays), index, False, units, value, pays)

    def _allocate(self, mirrored: Callable[[Mirror], None], *call: Any) -> None:
        try:
            mirrored(self.mirror)
        except Refused:
            try:
                self.world.allocate(*call)
            except Reverted:
                return
            raise AssertionError(f"{call} passed where the mirror refuses") from None
        self.world.allocate(*call)

    @rule(index=indices, part=st.integers(-60, 40), dust=st.integers(-2, 2))
    def moves(self, index: int, part: int, dust: int) -> None:
        venue = self.mirror.venues[index]
        if venue.position > 0:
            venue.value = max(venue.value + venue.value * part // 100 + dust, 0)
        self._tell(index)

    @rule(
        index=indices, how=st.sampled_from(["unsteady", "unpriced", "broken", "shallow"]), most=st.integers(0, 10**12)
    )
    def wavers(self, index: int, how: str, most: int) -> None:
        venue = self.mirror.venues[index]
        venue.steady, venue.priced, venue.broken = how != "unsteady", how != "unpriced", how == "broken"
        venue.most = most if how == "shallow" else 2**256 - 1
        self._tell(index)

    @rule(index=indices)
    def sours(self, index: int) -> None:
        """A bad buy whose market has gone: from now on it counts for what was paid."""
        venue = self.mirror.venues[index]
        venue.value, venue.steady, venue.priced, venue.broken = venue.value * 6 // 10, True, False, False
        self._tell(index)
        self.world.call(self.world.vault, "refresh()")
        self.mirror.report()
        self.reset()
        self.enters_to_the_brim(index, True)

    @rule(index=indices)
    def recovers(self, index: int) -> None:
        venue = self.mirror.venues[index]
        venue.steady, venue.priced, venue.broken, venue.most = True, True, False, 2**256 - 1
        self._tell(index)

    def _tell(self, index: int) -> None:
        venue = self.mirror.venues[index]
        told = (venue.value, venue.steady, venue.priced, venue.broken, venue.most)
        self.world.call(self.world.venues[index], "set(uint256,bool,bool,bool,uint256)", told)

    @rule(seconds=st.one_of(st.integers(0, 60), st.integers(0, 2 * 86_400)))
    def wait(self, seconds: int) -> None:
        self.world.tick(seconds)
        self.mirror.now = self.world.time

    @rule()
    def refresh(self) -> None:
        self.world.call(self.world.vault, "refresh()")
        self.mirror.report()

    @rule()
    def reset(self) -> None:
        """The owner lets things go on after a drawdown."""
        self.world.call(self.world.vault, "resetBreaker()")
        self.mirror.reset_breaker()

    @invariant()
    def same_books(self) -> None:
        mirror, number = self.mirror, self.world.number_of
        assert number("totalAssets()") == mirror.total
        assert number("totalSupply()") == mirror.supply
        assert number("idle()") == mirror.idle
        assert number("lockedProfit()") == mirror.lock.locked_up(mirror.now)
        assert number("highWater()") == mirror.high_water
        assert number("tripped()") == mirror.tripped
        assert number("depositsOpen()") == mirror.open
        used = (number("turnoverUsed()"), number("lossUsed()"), number("unpricedUsed()"))
        assert used == mirror.levels()
        assert number("balanceOf(address)", FEES) == mirror.fee_shares

    @invariant()
    def same_for_everybody(self) -> None:
        for who in (ANN, BEN):
            assert self.world.number_of("balanceOf(address)", who) == self.mirror.shares.get(who, 0)
            assert self.world.number_of("maxDeposit(address)", who) == self.mirror.max_in()
            assert self.world.number_of("maxWithdraw(address)", who) == self.mirror.max_assets_out(who)
            assert self.world.number_of("maxRedeem(address)", who) == self.mirror.max_shares_out(who)
        for address, venue in zip(self.world.venues, self.mirror.venues, strict=True):
            assert self.world.number_of("cost(address)", address) == venue.cost


def test_life() -> None:
    run_state_machine_as_test(VaultMachine, settings=settings(max_examples=60, stateful_step_count=50, deadline=None))  # type: ignore[no-untyped-call]
