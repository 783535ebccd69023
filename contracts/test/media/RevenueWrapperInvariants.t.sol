// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {RevenueFixture} from "./RevenueFixture.sol";

/// Random life of a wrapper with three holders who come and go and a pool that only holds. The shadow knows each
/// payment and nothing of the wrapper. Every move must leave the price of a share at least as high as it was.
contract RevenueWrapperHandler is RevenueFixture {
    uint256 internal constant POOLED = SUPPLY / 10;
    address internal pool = makeAddr("pool"); // holds wrapper shares and can do nothing
    address[3] private _all;
    uint256 public received;
    uint256 public shadowX128; // money per revenue share that was paid, counted or not
    uint256 public givenBack;
    uint256 public priceFalls;
    uint256 public settlements;
    uint256 public entriesTooCheap;
    uint256 public exitsTooDear;

    constructor() {
        _build();
        _all = [ben, cay, mallory];
        for (uint256 i = 0; i < 3; ++i) {
            _send(ann, _all[i], SUPPLY / 5);
        }
        _wrap(ann, POOLED);
        vm.prank(ann);
        wrapper.transfer(pool, POOLED);
    }

    modifier priceHolds() {
        uint256 before = wrapper.convertToAssets(SUPPLY * 1e9);
        settlements += 2;
        _;
        if (wrapper.convertToAssets(SUPPLY * 1e9) < before) priceFalls++;
    }

    function pays(uint256 amount, bool small) external priceHolds {
        amount = bound(amount, 0, small ? 9 : 1e13);
        _pay(amount);
        received += amount;
        shadowX128 += Math.mulDiv(amount, 1 << 128, SUPPLY);
    }

    function harvests() external priceHolds {
        wrapper.harvest();
    }

    function givesBack() external priceHolds {
        uint256 amount = wrapper.giveBack();
        givenBack += amount;
        shadowX128 += Math.mulDiv(amount, 1 << 128, SUPPLY);
    }

    function waits(uint256 time) external priceHolds {
        vm.warp(block.timestamp + bound(time, 0, UNLOCK));
    }

    function wraps(uint256 who, uint256 amount) external priceHolds {
        address a = _all[who % 3];
        if (share.balanceOf(a) == 0) return;
        amount = bound(amount, 1, share.balanceOf(a));
        uint256 paid = _wrap(a, amount);
        if (paid < Math.mulDiv(amount, wrapper.fullX128(), 1 << 128)) entriesTooCheap++;
    }

    function redeems(uint256 who, uint256 amount, bool all) external priceHolds {
        address a = _all[who % 3];
        amount = all ? wrapper.balanceOf(a) : bound(amount, 0, wrapper.balanceOf(a));
        uint256 got = _unwrap(a, amount);
        if (got > Math.mulDiv(amount, wrapper.indexX128(), 1 << 128)) exitsTooDear++;
    }

    function withdraws(uint256 who, uint256 amount) external priceHolds {
        address a = _all[who % 3];
        amount = bound(amount, 0, wrapper.maxWithdraw(a));
        vm.prank(a);
        wrapper.withdraw(amount, a, a);
    }

    function unwraps(uint256 who, uint256 amount) external priceHolds {
        address a = _all[who % 3];
        amount = bound(amount, 0, wrapper.balanceOf(a) / 4);
        vm.prank(a);
        wrapper.unwrap(amount, a);
    }

    function moves(uint256 from, uint256 to, uint256 amount, bool wrapped) external priceHolds {
        (address a, address b) = (_all[from % 3], _all[to % 3]);
        vm.startPrank(a);
        if (wrapped) wrapper.transfer(b, bound(amount, 0, wrapper.balanceOf(a)));
        else share.transfer(b, bound(amount, 0, share.balanceOf(a)));
        vm.stopPrank();
    }

    function gives(uint256 who, uint256 amount, bool units) external priceHolds {
        if (units) {
            address a = _all[who % 3];
            _send(a, address(wrapper), bound(amount, 0, share.balanceOf(a) / 100));
        } else {
            usd.mint(address(wrapper), bound(amount, 0, 1e10));
        }
    }

    function solvency() external view returns (uint256 units, uint256 shares, uint256 money, uint256 owedUp) {
        shares = wrapper.totalSupply();
        owedUp = Math.mulDiv(shares, wrapper.indexX128(), 1 << 128, Math.Rounding.Ceil);
        return (share.balanceOf(address(wrapper)), shares, usd.balanceOf(address(wrapper)), owedUp);
    }

    /// Everybody leaves after everything has unlocked; only ever run on a state that is put back.
    function everybodyLeaves() external returns (uint256 poolGets) {
        vm.warp(block.timestamp + UNLOCK);
        wrapper.harvest();
        vm.warp(block.timestamp + UNLOCK);
        for (uint256 i = 0; i < 3; ++i) {
            _unwrap(_all[i], wrapper.balanceOf(_all[i]));
        }
        poolGets = _unwrap(pool, POOLED);
        require(share.balanceOf(pool) == POOLED && wrapper.totalSupply() == 0, "units are missing");
    }

    function pooled() external pure returns (uint256) {
        return POOLED;
    }
}

contract RevenueWrapperInvariantTest is RevenueFixture {
    RevenueWrapperHandler private handler;

    function setUp() public {
        handler = new RevenueWrapperHandler();
        bytes4[] memory moves = new bytes4[](10);
        moves[0] = handler.pays.selector;
        moves[1] = handler.harvests.selector;
        moves[2] = handler.givesBack.selector;
        moves[3] = handler.waits.selector;
        moves[4] = handler.wraps.selector;
        moves[5] = handler.redeems.selector;
        moves[6] = handler.withdraws.selector;
        moves[7] = handler.unwraps.selector;
        moves[8] = handler.moves.selector;
        moves[9] = handler.gives.selector;
        targetContract(address(handler));
        targetSelector(FuzzSelector(address(handler), moves));
    }

    function invariant_the_wrapper_covers_every_share_in_units_and_money() public view {
        (uint256 units, uint256 shares, uint256 money, uint256 owedUp) = handler.solvency();
        assertGe(units, shares);
        assertGe(money, owedUp);
    }

    function invariant_the_price_of_a_wrapper_share_never_falls() public view {
        assertEq(handler.priceFalls(), 0);
    }

    function invariant_entries_pay_in_full_and_exits_take_no_more_than_the_index() public view {
        assertEq(handler.entriesTooCheap(), 0);
        assertEq(handler.exitsTooDear(), 0);
    }

    /// The pool gets its part of every payment, to a unit for each settlement at most; and everybody can leave.
    function invariant_a_pool_that_only_holds_loses_no_revenue() public {
        uint256 state = vm.snapshotState();
        uint256 got = handler.everybodyLeaves();
        uint256 due = Math.mulDiv(handler.pooled(), handler.shadowX128(), 1 << 128);
        assertLe(got, due + 1);
        assertLe(due, got + handler.settlements() + 2);
        assertTrue(vm.revertToStateAndDelete(state));
    }
}
