// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC2981} from "@openzeppelin/contracts/interfaces/IERC2981.sol";
import {ERC721, IERC165} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";

import {Fractionaliser} from "../../src/media/Fractionaliser.sol";
import {IERC20, RevenueShare} from "../../src/media/RevenueShare.sol";
import {RevenueFixture} from "./RevenueFixture.sol";

/// A collection that can refuse receivers, lie about transfers and name any royalty; and call somebody while it moves.
contract FractionNft is ERC721("Songs", "SONGS"), IERC2981 {
    address public royaltyTo;
    uint256 public royaltyBps;
    bool public lies;
    address public hook;
    mapping(address who => bool) public refuses;

    function mint(address to, uint256 tokenId) external {
        _mint(to, tokenId);
    }

    function setRoyalty(address to, uint256 bps) external {
        (royaltyTo, royaltyBps) = (to, bps);
    }

    function set(bool lies_, address hook_) external {
        (lies, hook) = (lies_, hook_);
    }

    function refuse(address who, bool refused) external {
        refuses[who] = refused;
    }

    function transferFrom(address from, address to, uint256 tokenId) public override {
        require(!refuses[to], "not to him");
        if (lies) return;
        super.transferFrom(from, to, tokenId);
        if (hook != address(0)) {
            (bool done,) = hook.call(abi.encodeWithSignature("nftMoves()"));
            require(done, "hook");
        }
    }

    function royaltyInfo(uint256, uint256 price) external view returns (address, uint256) {
        return (royaltyTo, price * royaltyBps / 10_000);
    }

    function supportsInterface(bytes4 id) public view override(ERC721, IERC165) returns (bool) {
        return id == type(IERC2981).interfaceId || super.supportsInterface(id);
    }
}

/// Ann locks song 7 at a reserve of 100,000 dollars and keeps six tenths of its shares; Ben has three, Cay one. Xan and
/// Yve want the whole.
abstract contract FractionFixture is RevenueFixture {
    uint256 internal constant ID = 7;
    uint128 internal constant RESERVE = 100_000e6;
    uint32 internal constant DURATION = 8 days;
    address internal xan = makeAddr("xan");
    address internal yve = makeAddr("yve");
    FractionNft internal nft;
    Fractionaliser internal lot;

    function _lock(uint256 royaltyBps) internal {
        _build();
        nft = new FractionNft();
        nft.mint(ann, ID);
        nft.setRoyalty(mallory, royaltyBps);
        lot = _newLot(RESERVE, DURATION);
        share = lot;
        _send(ann, ben, SUPPLY * 3 / 10);
        _send(ann, cay, SUPPLY / 10);
    }

    /// The address is known beforehand, so that Ann can approve it.
    function _newLot(uint128 reserve, uint32 duration) internal returns (Fractionaliser) {
        address at = vm.computeCreateAddress(address(this), vm.getNonce(address(this)));
        vm.prank(ann);
        nft.approve(at, ID);
        return new Fractionaliser(_issue(usd, address(0), SUPPLY), _lotOf(ann, reserve, duration));
    }

    function _lotOf(address from, uint128 reserve, uint32 duration) internal view returns (Fractionaliser.Lot memory) {
        return Fractionaliser.Lot(nft, ID, from, reserve, duration);
    }

    function _bid(address who, uint256 amount) internal {
        usd.mint(who, amount);
        vm.startPrank(who);
        usd.approve(address(lot), amount);
        lot.bid(amount);
        vm.stopPrank();
    }

    function _vote(address who, int24 tick) internal {
        vm.prank(who);
        lot.vote(tick);
    }

    /// An auction from the opening bid to its settlement.
    function _sell(address who, uint256 amount) internal {
        _bid(who, amount);
        vm.warp(lot.end());
        lot.settle(who);
    }

    function _redeem(address who, uint256 shares) internal returns (uint256) {
        vm.prank(who);
        return lot.redeem(shares, who);
    }
}
