// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {RevenueFixture} from "./RevenueFixture.sol";

/// Random life of a revenue share with five holders. The shadow shares out each payment when it arrives, holder by
/// holder.
contract RevenueShareHandler is RevenueFixture {
    address[5] private _all;
    uint256 public received;
    uint256 public claimed;
    uint256 public counts;
    uint256 public settlements;
    mapping(address who => uint256) public claimedBy;
    mapping(address who => uint256) public settledFor;
    mapping(address who => uint256) public shadowX64; // units of money, times 2^64

    constructor() {
        _build();
        _all = [ann, ben, cay, mallory, address(wrapper)]; // the last one never claims
        _send(ann, ben, SUPPLY / 3);
        _send(ann, address(wrapper), SUPPLY / 7);
    }

    function holders() external view returns (address[5] memory) {
        return _all;
    }

    function pays(uint256 amount, bool small) external {
        amount = bound(amount, 0, small ? 9 : 1e14);
        _pay(amount);
        received += amount;
        for (uint256 i = 0; i < 5; ++i) {
            shadowX64[_all[i]] += Math.mulDiv(amount << 64, share.balanceOf(_all[i]), SUPPLY);
        }
    }

    function counted() external {
        if (share.uncounted() > 0) counts++;
        share.sync();
    }

    function moves(uint256 from, uint256 to, uint256 amount, bool all) external {
        (address a, address b) = (_all[from % 4], _all[to % 5]);
        amount = all ? share.balanceOf(a) : bound(amount, 0, share.balanceOf(a));
        _counts(a, b);
        _send(a, b, amount);
    }

    function movesByAllowance(uint256 from, uint256 to, uint256 amount) external {
        (address a, address b) = (_all[from % 4], _all[to % 5]);
        amount = bound(amount, 0, share.balanceOf(a));
        vm.prank(a);
        share.approve(mallory, amount);
        _counts(a, b);
        vm.prank(mallory);
        share.transferFrom(a, b, amount);
    }

    function claims(uint256 who, uint256 to) external {
        address a = _all[who % 4];
        uint256 due = share.claimable(a);
        _counts(a, a);
        vm.prank(a);
        uint256 got = share.claim(_all[to % 5]);
        require(got == due, "paid something else than was said");
        claimed += got;
        claimedBy[a] += got;
    }

    function balance() external view returns (uint256) {
        return usd.balanceOf(address(share));
    }

    function claimable(address who) external view returns (uint256) {
        return share.claimable(who);
    }

    function supply() external view returns (uint256 total, uint256 sum) {
        total = share.totalSupply();
        for (uint256 i = 0; i < 5; ++i) {
            sum += share.balanceOf(_all[i]);
        }
    }

    function accounted() external view returns (uint256) {
        return share.accounted() + share.uncounted();
    }

    /// Everybody claims at once; only ever run on a state that is put back.
    function everybodyClaims() external returns (uint256 paid) {
        for (uint256 i = 0; i < 5; ++i) {
            paid += _claim(_all[i]);
        }
    }

    function _counts(address a, address b) private {
        if (share.uncounted() > 0) counts++;
        settlements += a == b ? 1 : 2;
        settledFor[a]++;
        if (a != b) settledFor[b]++;
    }
}

contract RevenueShareInvariantTest is RevenueFixture {
    RevenueShareHandler private handler;

    function setUp() public {
        handler = new RevenueShareHandler();
        bytes4[] memory moves = new bytes4[](5);
        moves[0] = handler.pays.selector;
        moves[1] = handler.counted.selector;
        moves[2] = handler.moves.selector;
        moves[3] = handler.movesByAllowance.selector;
        moves[4] = handler.claims.selector;
        targetContract(address(handler));
        targetSelector(FuzzSelector(address(handler), moves));
    }

    function invariant_paid_and_owed_never_exceed_what_was_received() public view {
        assertEq(handler.balance() + handler.claimed(), handler.received());
        assertLe(handler.claimed() + _owed(), handler.received());
        assertEq(handler.accounted(), handler.balance());
    }

    function invariant_dust_is_below_one_unit_per_count_and_settlement() public view {
        uint256 dust = handler.received() - handler.claimed() - _owed();
        assertLe(dust, handler.counts() + handler.settlements() + 1 + 5);
    }

    function invariant_each_holder_has_its_part_of_every_payment() public view {
        address[5] memory all = handler.holders();
        for (uint256 i = 0; i < 5; ++i) {
            uint256 has = handler.claimedBy(all[i]) + handler.claimable(all[i]);
            uint256 due = handler.shadowX64(all[i]) >> 64;
            assertLe(has, due + 1); // the shadow rounds each payment down
            assertLe(due, has + handler.settledFor(all[i]) + handler.counts() + 2);
        }
    }

    function invariant_all_that_is_owed_can_be_claimed_at_once() public {
        uint256 owed = _owed();
        uint256 state = vm.snapshotState();
        assertEq(handler.everybodyClaims(), owed);
        assertTrue(vm.revertToStateAndDelete(state));
    }

    function invariant_the_supply_of_shares_is_fixed() public view {
        (uint256 total, uint256 sum) = handler.supply();
        assertEq(total, SUPPLY);
        assertEq(sum, SUPPLY);
    }

    function _owed() private view returns (uint256 sum) {
        address[5] memory all = handler.holders();
        for (uint256 i = 0; i < 5; ++i) {
            sum += handler.claimable(all[i]);
        }
    }
}
