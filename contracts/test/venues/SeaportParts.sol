// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ERC721, ERC721Royalty} from "@openzeppelin/contracts/token/ERC721/extensions/ERC721Royalty.sol";

import {DevDollar} from "../../src/devnet/DevDollar.sol";
import {IVenue} from "../../src/interfaces/IVenue.sol";

/// Errors of the real Seaport that an order may die of after the venue has let it through.
interface ISeaportErrors {
    error InvalidTime(uint256 startTime, uint256 endTime);
    error InvalidSigner();
    error InvalidSignature();
    error BadContractSignature();
    error OrderAlreadyFilled(bytes32 orderHash);
    error OrderIsCancelled(bytes32 orderHash);
    error NoReentrantCalls();
}

/// The parts of Seaport and its conduits that only buyers and sellers call.
interface ISeaportSide {
    function information() external view returns (string memory, bytes32 domainSeparator, address controller);
    function incrementCounter() external returns (uint256);
}

/// Makes an account's storage cold again: a cheat that this forge knows and its forge-std does not.
interface ISeaportCheats {
    function cool(address account) external;
}

interface ISeaportConduits {
    function createConduit(bytes32 key, address owner) external returns (address);
    function updateChannel(address conduit, address channel, bool open) external;
}

/// Plays the vault towards one venue: holds the asset and the roles, approves exactly, and lets anyone enter and exit.
contract SeaportBench is AccessControl {
    address public immutable asset;

    constructor(address asset_) {
        asset = asset_;
        _grantRole(DEFAULT_ADMIN_ROLE, msg.sender);
    }

    function enter(IVenue venue, uint256 assets, bytes calldata data) external returns (uint256 units) {
        IERC20(asset).approve(address(venue), assets);
        units = venue.enter(assets, data);
        IERC20(asset).approve(address(venue), 0);
    }

    function exit(IVenue venue, uint256 units, bytes calldata data) external returns (uint256 assets) {
        return venue.exit(units, data);
    }
}

/// Pieces with an ERC-2981 royalty for one artist. May call back once, in the middle of a transfer.
contract SeaportArt is ERC721Royalty {
    address private _target;
    bytes private _call;
    bytes public answer;
    bool public answered;

    constructor(address artist, uint96 bps) ERC721("Art", "ART") {
        _setDefaultRoyalty(artist, bps);
    }

    function mint(address to, uint256 tokenId) external {
        _mint(to, tokenId);
    }

    function setRoyalty(address artist, uint96 bps) external {
        _setDefaultRoyalty(artist, bps);
    }

    function callBack(address target, bytes calldata data) external {
        (_target, _call) = (target, data);
    }

    function _update(address to, uint256 tokenId, address auth) internal override returns (address from) {
        from = super._update(to, tokenId, auth);
        address target = _target;
        if (target != address(0)) {
            _target = address(0);
            (answered, answer) = target.call(_call);
        }
    }
}

/// A dollar that begins one day to keep a hundredth of each transfer.
contract SeaportFeeDollar is DevDollar {
    bool public charging;

    constructor(address owner) DevDollar(owner) {}

    function charge() external {
        charging = true;
    }

    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        if (charging && from != address(0) && to != address(0)) super._update(to, address(0xFEE), value / 100);
    }
}

/// A collection that moves nothing and says that it did.
contract SeaportStuckArt is SeaportArt {
    constructor() SeaportArt(address(1), 0) {}

    function transferFrom(address, address, uint256) public override {}
}

/// A collection that says whatever it likes about royalties.
contract SeaportOddRoyalty is ERC721 {
    uint8 private immutable _kind;

    constructor(uint8 kind) ERC721("Odd", "ODD") {
        _kind = kind;
    }

    function mint(address to, uint256 tokenId) external {
        _mint(to, tokenId);
    }

    function royaltyInfo(uint256, uint256) external view returns (uint256, uint256) {
        if (_kind == 0) revert("no");
        if (_kind == 1) while (gasleft() > 0) {}
        if (_kind == 2) assembly { return(0, 32) }
        if (_kind == 3) return (uint256(uint160(0xA57)), type(uint256).max); // more than all of it
        if (_kind == 4) return (type(uint256).max - type(uint160).max + 0xA57, 1e6); // dirt above the address
        return (0, 1e6); // nobody to pay
    }
}
