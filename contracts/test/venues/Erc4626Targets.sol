// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC20, ERC4626, IERC20} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// An asset with any number of decimals, made at will.
contract Erc4626Money is ERC20 {
    uint8 private immutable _decimals;

    constructor(uint8 decimals_) ERC20("Money", "M") {
        _decimals = decimals_;
    }

    function decimals() public view override returns (uint8) {
        return _decimals;
    }

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}

/// A plain OpenZeppelin vault; its share price moves by gifts, and by losses to whoever asks.
contract Erc4626Honest is ERC4626 {
    uint8 private immutable _offset;

    constructor(IERC20 asset_, uint8 offset_) ERC20("Target", "T") ERC4626(asset_) {
        _offset = offset_;
    }

    function lose(uint256 assets) external {
        SafeERC20.safeTransfer(IERC20(asset()), msg.sender, assets);
    }

    function _decimalsOffset() internal view override returns (uint8) {
        return _offset;
    }
}

/// Takes a fee on the way out and says so in `previewRedeem`, as EIP-4626 asks; `convertToAssets` leaves it out.
contract Erc4626Fee is Erc4626Honest {
    uint256 public constant FEE_BPS = 50;

    constructor(IERC20 asset_) Erc4626Honest(asset_, 6) {}

    function previewRedeem(uint256 shares) public view override returns (uint256) {
        uint256 assets = super.previewRedeem(shares);
        return assets - Math.mulDiv(assets, FEE_BPS, 10_000, Math.Rounding.Ceil);
    }
}

/// Lossy: every withdrawal pays less than was previewed.
contract Erc4626Lossy is Erc4626Honest {
    uint256 public lossBps;

    constructor(IERC20 asset_) Erc4626Honest(asset_, 6) {}

    function setLoss(uint256 lossBps_) external {
        lossBps = lossBps_;
    }

    function _withdraw(address caller, address receiver, address owner, uint256 assets, uint256 shares)
        internal
        override
    {
        super._withdraw(caller, receiver, owner, assets * (10_000 - lossBps) / 10_000, shares);
    }
}

/// Locked: part of the assets cannot be had for now, and the maxima say so.
contract Erc4626Locked is Erc4626Honest {
    uint256 public locked;

    constructor(IERC20 asset_) Erc4626Honest(asset_, 6) {}

    function setLocked(uint256 assets) external {
        locked = assets;
    }

    function maxWithdraw(address owner) public view override returns (uint256) {
        return Math.min(_convertToAssets(balanceOf(owner), Math.Rounding.Floor), _free());
    }

    function maxRedeem(address owner) public view override returns (uint256) {
        return Math.min(balanceOf(owner), _convertToShares(_free(), Math.Rounding.Floor));
    }

    function _free() private view returns (uint256) {
        return Math.saturatingSub(totalAssets(), locked);
    }
}

/// Faulty: breaks EIP-4626 in each way that an adapter could be fooled by.
contract Erc4626Faulty is Erc4626Honest {
    enum Fault {
        None,
        TakesHalf, // deposit leaves half of the assets with the caller
        BurnsHalf, // redeem burns half of the shares
        NoPrice, // convertToAssets reverts
        NoPreview, // previewRedeem reverts
        MintsNothing, // deposit gives no shares
        PaysNothing // redeem burns and pays nothing
    }

    Fault public fault;

    constructor(IERC20 asset_) Erc4626Honest(asset_, 6) {}

    function setFault(Fault fault_) external {
        fault = fault_;
    }

    function convertToAssets(uint256 shares) public view override returns (uint256) {
        require(fault != Fault.NoPrice, "no price");
        return super.convertToAssets(shares);
    }

    function previewRedeem(uint256 shares) public view override returns (uint256) {
        require(fault != Fault.NoPreview, "no preview");
        return super.previewRedeem(shares);
    }

    function _deposit(address caller, address receiver, uint256 assets, uint256 shares) internal override {
        if (fault == Fault.TakesHalf) (assets, shares) = (assets / 2, shares / 2);
        super._deposit(caller, receiver, assets, fault == Fault.MintsNothing ? 0 : shares);
    }

    function _withdraw(address caller, address receiver, address owner, uint256 assets, uint256 shares)
        internal
        override
    {
        if (fault == Fault.BurnsHalf) shares /= 2;
        super._withdraw(caller, receiver, owner, fault == Fault.PaysNothing ? 0 : assets, shares);
    }
}
