// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Test} from "forge-std/Test.sol";

import {DevDollar} from "../../src/devnet/DevDollar.sol";
import {ICompliance} from "../../src/interfaces/ICompliance.sol";
import {IERC20, RevenueShare} from "../../src/media/RevenueShare.sol";
import {RevenueWrapper} from "../../src/media/RevenueWrapper.sol";

/// A million shares (18 decimals) in an asset that earns dollars (6 decimals), all of them Ann's; a wrapper that
/// unlocks over six hours.
abstract contract RevenueFixture is Test {
    uint256 internal constant SUPPLY = 1_000_000e18;
    uint32 internal constant UNLOCK = 6 hours;

    address internal ann = makeAddr("ann");
    address internal ben = makeAddr("ben");
    address internal cay = makeAddr("cay");
    address internal mallory = makeAddr("mallory");
    DevDollar internal usd;
    RevenueShare internal share;
    RevenueWrapper internal wrapper;

    function _build() internal {
        vm.warp(1_700_000_000);
        usd = new DevDollar(address(this));
        share = new RevenueShare(_issue(usd, ann, SUPPLY));
        wrapper = new RevenueWrapper(share, "Wrapped Song", "wSONG", UNLOCK);
    }

    function _issue(IERC20 money, address to, uint256 supply) internal pure returns (RevenueShare.Issue memory) {
        return RevenueShare.Issue(money, "Song", "SONG", to, supply, ICompliance(address(0)));
    }

    /// Revenue, as an ERC-2981 receiver is paid.
    function _pay(uint256 amount) internal {
        usd.mint(address(share), amount);
    }

    function _send(address from, address to, uint256 amount) internal {
        vm.prank(from);
        share.transfer(to, amount);
    }

    function _claim(address who) internal returns (uint256) {
        vm.prank(who);
        return share.claim(who);
    }

    /// `who` wraps `shares`, with all the money that it takes given to it.
    function _wrap(address who, uint256 shares) internal returns (uint256 paid) {
        paid = wrapper.previewMint(shares);
        usd.mint(who, paid);
        vm.startPrank(who);
        share.approve(address(wrapper), shares);
        usd.approve(address(wrapper), paid);
        assertEq(wrapper.mint(shares, who), paid);
        vm.stopPrank();
    }

    function _unwrap(address who, uint256 shares) internal returns (uint256) {
        vm.prank(who);
        return wrapper.redeem(shares, who, who);
    }
}
