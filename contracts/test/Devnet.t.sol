// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";

import {MarketMaker} from "../src/devnet/MarketMaker.sol";
import {MediaToken} from "../src/devnet/MediaToken.sol";
import {V3Market} from "./venues/V3Market.sol";

/// The market mirror's hand against a real pool, and the devnet's two tokens.
contract DevnetTest is V3Market {
    uint160 internal constant WIDEST_LOW = TickMath.MIN_SQRT_PRICE + 1;
    uint160 internal constant WIDEST_HIGH = TickMath.MAX_SQRT_PRICE - 1;
    address internal alice = makeAddr("alice");

    function setUp() public {
        _buildMarket(true);
    }

    function test_nudge_lands_exactly_on_the_edge_of_the_band(int24 low, uint24 width) public {
        low = int24(bound(low, TICK - 20_000, TICK + 20_000));
        int24 high = low + int24(uint24(bound(width, 0, 5_000)));
        uint160 before = _price();
        uint160 lowest = TickMath.getSqrtPriceAtTick(low);
        uint160 highest = TickMath.getSqrtPriceAtTick(high);
        maker.step(_step(new int256[](0), lowest, highest));
        assertEq(_price(), before < lowest ? lowest : before > highest ? highest : before);
    }

    function test_noise_trades_exact_inputs_in_the_direction_of_its_sign(uint256 sell0, uint256 sell1) public {
        sell0 = bound(sell0, 1e6, 1e12);
        sell1 = bound(sell1, 1e18, 1e24);
        int256[] memory noise = new int256[](3);
        noise[0] = int256(sell1);
        uint256 had = media.balanceOf(address(maker));
        uint160 before = _price();
        maker.step(_step(noise, WIDEST_LOW, WIDEST_HIGH));
        assertEq(had - media.balanceOf(address(maker)), sell1);
        assertGe(_price(), before);

        noise[0] = 0;
        noise[2] = -int256(sell0);
        had = usd.balanceOf(address(maker));
        before = _price();
        maker.step(_step(noise, WIDEST_LOW, WIDEST_HIGH));
        assertEq(had - usd.balanceOf(address(maker)), sell0);
        assertLe(_price(), before);
    }

    function test_step_logs_where_the_pool_stands() public {
        uint160 goal = TickMath.getSqrtPriceAtTick(TICK + 777);
        vm.expectEmit(address(maker));
        emit MarketMaker.Stepped(address(pool), goal);
        maker.step(_step(new int256[](1), goal, goal));
    }

    function test_step_refuses_an_inverted_band_and_an_empty_purse() public {
        vm.expectPartialRevert(MarketMaker.BandInverted.selector);
        maker.step(_step(new int256[](0), 2, 1));
        deal(address(usd), address(maker), 0);
        vm.expectRevert(abi.encodeWithSelector(MarketMaker.OutOfInventory.selector, pool, usd));
        maker.step(_step(new int256[](0), WIDEST_LOW, WIDEST_LOW + 1));
    }

    function test_only_the_owner_trades_and_only_a_trading_pool_is_paid() public {
        vm.startPrank(mallory);
        bytes memory err = abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, mallory);
        vm.expectRevert(err);
        maker.step(_step(new int256[](0), WIDEST_LOW, WIDEST_HIGH));
        vm.expectRevert(err);
        maker.seed(address(pool), -60, 60, 1);
        vm.stopPrank();
        address[2] memory others = [mallory, address(pool)];
        for (uint256 i = 0; i < 2; ++i) {
            vm.startPrank(others[i]);
            vm.expectRevert(abi.encodeWithSelector(MarketMaker.NotInTrade.selector, others[i]));
            maker.uniswapV3SwapCallback(1, 1, "");
            vm.expectRevert(abi.encodeWithSelector(MarketMaker.NotInTrade.selector, others[i]));
            maker.uniswapV3MintCallback(1, 1, "");
            vm.stopPrank();
        }
    }

    function test_dev_dollar_is_minted_by_its_owner_only_and_has_six_decimals() public {
        assertEq(usd.decimals(), 6);
        assertEq(usd.symbol(), "USDC");
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, mallory));
        vm.prank(mallory);
        usd.mint(mallory, 1);
    }

    function test_dev_dollar_takes_a_permit_once() public {
        (address signer, uint256 key) = makeAddrAndKey("signer");
        bytes32 kind = keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        bytes32 digest = _digest(abi.encode(kind, signer, mallory, 5e6, 0, block.timestamp));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        usd.permit(signer, mallory, 5e6, block.timestamp, v, r, s);
        assertEq(usd.allowance(signer, mallory), 5e6);
        vm.expectRevert();
        usd.permit(signer, mallory, 5e6, block.timestamp, v, r, s);
    }

    function test_dev_dollar_moves_on_a_signed_authorization_once() public {
        (address signer, uint256 key) = makeAddrAndKey("signer");
        usd.mint(signer, 5e6);
        bytes32 kind = keccak256(
            "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
        );
        uint256 until = block.timestamp + 60;
        bytes32 digest = _digest(abi.encode(kind, signer, alice, 2e6, 0, until, bytes32("any nonce")));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        vm.prank(mallory);
        usd.transferWithAuthorization(signer, alice, 2e6, 0, until, "any nonce", v, r, s);
        assertEq(usd.balanceOf(alice), 2e6);
        vm.expectRevert(abi.encodeWithSelector(ERC3009.ERC3009UsedAuthorization.selector, signer, bytes32("any nonce")));
        usd.transferWithAuthorization(signer, alice, 2e6, 0, until, "any nonce", v, r, s);
    }

    function test_media_token_mints_its_whole_supply_to_one_receiver() public {
        MediaToken token = new MediaToken("Medium", "MED", alice, 7e18);
        assertEq(token.balanceOf(alice), 7e18);
        assertEq(token.totalSupply(), 7e18);
        assertEq(token.decimals(), 18);
    }

    /// EIP-712 digest, with the domain written out by hand.
    function _digest(bytes memory message) private view returns (bytes32) {
        bytes32 kind = keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
        bytes32 domain =
            keccak256(abi.encode(kind, keccak256("Patron Dev Dollar"), keccak256("1"), block.chainid, address(usd)));
        return keccak256(abi.encodePacked("\x19\x01", domain, keccak256(message)));
    }

    function _price() private view returns (uint160 price) {
        (price,,,,,,) = pool.slot0();
    }

    function _step(int256[] memory noise, uint160 low, uint160 high)
        private
        view
        returns (MarketMaker.Step[] memory steps)
    {
        steps = new MarketMaker.Step[](1);
        steps[0] = MarketMaker.Step(address(pool), noise, low, high);
    }
}
