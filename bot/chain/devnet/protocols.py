"""The local upstream's mainnet: Uniswap V3 and company from their own published bytecode, and the devnet's tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from bot.chain.artefacts import artefact, multicall3_creation, permit2_runtime
from bot.chain.devnet.accounts import OWNER
from bot.chain.devnet.batch import Batch, mine
from bot.chain.multicall import MULTICALL3
from bot.chain.rpc import Rpc
from bot.core.mirror import BUDGET, seeding
from bot.core.units import ZERO_ADDRESS, Token
from bot.core.universe import MADE, Universe, Venue, idle
from bot.errors import ChainError

PERMIT2 = "0x000000000022D473030F116dDEE9F6B43aC78BA3"
INVENTORY = 2 * BUDGET  # raw units of each token for the market maker: what remains after seeding is above BUDGET
HISTORY = 100  # price observations a pool keeps: more than there are blocks in a TWAP window
# Dollars are the higher address of every pool, so that a media token is always token0.
_LOWEST_DOLLAR = "0xf8" + "00" * 19
WETH_PRICE = 3_000.0
_WETH_DEPTH = 2_000_000 * 10**6  # raw dollars
_WETH_FUNDS = 1_000 * 10**18


@dataclass(frozen=True, slots=True)
class Protocols:
    """Addresses of what was deployed."""

    money: str
    weth: str
    v3_factory: str
    position_manager: str
    swap_router: str
    quoter: str
    tick_lens: str
    market_maker: str
    weth_pool: str
    seaport: str = ""  # this and the following where a venue needs them
    collection: str = ""
    zora_implementation: str = ""
    zora_code_hash: str = ""
    multicall3: str = MULTICALL3
    permit2: str = PERMIT2


async def deploy(rpc: Rpc, universe: Universe, prices: Mapping[str, float], depth: int) -> tuple[Protocols, Universe]:
    """Uniswap and company on the chain behind `rpc`, and `universe` with real tokens and seeded pools where a kind of
    venue is made of just these; the others are as they were.

    `prices`: venue id -> money per whole token at which its pool starts; `depth`: raw money each pool is seeded with.
    Raises ChainError when an artefact is missing or a venue has no price.
    """
    await _canonical(rpc)
    batch = await Batch.of(rpc, OWNER)
    weth = batch.create("WETH9")
    factory = batch.create("UniswapV3Factory")
    descriptor_library = batch.create("NFTDescriptor")
    label = b"ETH".ljust(32, b"\0")
    descriptor = batch.create(
        "NonfungibleTokenPositionDescriptor", (weth, label), {"NFTDescriptor": descriptor_library}
    )
    manager = batch.create("NonfungiblePositionManager", (factory, weth, descriptor))
    router = batch.create("SwapRouter02", (ZERO_ADDRESS, factory, manager, weth))
    quoter = batch.create("QuoterV2", (factory, weth))
    lens = batch.create("TickLens")
    maker = batch.create("MarketMaker", (OWNER,))
    money = batch.create2("DevDollar", (OWNER,), above=_LOWEST_DOLLAR)
    batch.call(money, "mint(address,uint256)", (maker, INVENTORY))
    batch.call(weth, "deposit()", value=_WETH_FUNDS)
    batch.call(weth, "transfer(address,uint256)", (maker, _WETH_FUNDS))

    # The factory is born without the 0.01 % tier; Uniswap's own got it by a vote.
    batch.call(factory, "enableFeeAmount(uint24,int24)", (100, 1))

    real = _tokens(batch, universe, money, maker)
    for venue in real.risky:
        if venue.id not in prices:
            raise ChainError(f"{venue.id}: no price to start its pool at")
    venues = [
        replace(venue, pool=seeded_pool(batch, factory, maker, real.money, venue, prices[venue.id], depth))
        if venue.kind in MADE
        else venue
        for venue in real.risky
    ]
    chain = universe.money.chain_id
    ether = Venue("weth", "uniswap_v3_hold", "WETH", Token(chain, weth, "WETH", 18), 500, 10, _is_lower(weth, money))
    weth_pool = seeded_pool(batch, factory, maker, real.money, ether, WETH_PRICE, _WETH_DEPTH)
    await mine(rpc, batch.transactions)
    protocols = Protocols(
        money=money,
        weth=weth,
        v3_factory=factory,
        position_manager=manager,
        swap_router=router,
        quoter=quoter,
        tick_lens=lens,
        market_maker=maker,
        weth_pool=weth_pool,
    )
    return protocols, Universe(real.money, (real.venues[0], *venues))


def pool_address(factory: str, token_a: str, token_b: str, fee_pips: int) -> str:
    """Where the factory puts a pool (CREATE2 over the sorted tokens and the fee)."""
    tokens = sorted((bytes.fromhex(token[2:]) for token in (token_a, token_b)), key=bytes)
    salt = keccak(b"".join(token.rjust(32, b"\0") for token in tokens) + fee_pips.to_bytes(32, "big"))
    code = keccak(artefact("UniswapV3Pool").bytecode())
    return to_checksum_address(keccak(b"\xff" + bytes.fromhex(factory[2:]) + salt + code)[12:])


async def _canonical(rpc: Rpc) -> None:
    """Permit2 and Multicall3 where every chain has them."""
    await rpc.request("anvil_setCode", [PERMIT2, permit2_runtime()])
    runtime = await rpc.request("eth_call", [{"from": OWNER, "data": multicall3_creation()}, "latest"])
    await rpc.request("anvil_setCode", [MULTICALL3, runtime])


def _tokens(batch: Batch, universe: Universe, money: str, maker: str) -> Universe:
    """The universe with deployed money and tokens; venues of one asset share its token."""
    dollar = replace(universe.money, address=money, decimals=6)
    tokens: dict[str, Token] = {}
    for venue in universe.risky:
        if venue.asset not in tokens and venue.kind in MADE:
            values = (f"Media: {venue.asset}", venue.asset, maker, INVENTORY)
            address = batch.create2("MediaToken", values, below=money)
            tokens[venue.asset] = Token(dollar.chain_id, address, venue.asset, 18)
    risky: Sequence[Venue] = [
        replace(venue, token=tokens[venue.asset], base_is_token0=True) if venue.kind in MADE else venue
        for venue in universe.risky
    ]
    return Universe(dollar, (idle(dollar), *risky))


def seeded_pool(batch: Batch, factory: str, maker: str, money: Token, venue: Venue, price: float, depth: int) -> str:
    """Address of the venue's pool: created, priced, seeded, with room for its price history."""
    start = seeding(venue, money.decimals, price, depth)
    pool = pool_address(factory, venue.token.address, money.address, venue.fee_pips)
    tokens = (venue.token.address, money.address)
    batch.call(factory, "createPool(address,address,uint24)", (*tokens, venue.fee_pips), gas=7_000_000)
    batch.call(pool, "initialize(uint160)", (start.sqrt_price_x96,))
    for lower, upper, liquidity in start.positions:
        batch.call(maker, "seed(address,int24,int24,uint128)", (pool, lower, upper, liquidity), gas=1_500_000)
    batch.call(pool, "increaseObservationCardinalityNext(uint16)", (HISTORY,), gas=5_000_000)
    return pool


def _is_lower(first: str, second: str) -> bool:
    return int(first, 16) < int(second, 16)
