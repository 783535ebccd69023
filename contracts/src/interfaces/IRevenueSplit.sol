// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Makes splits: addresses that take money by plain transfer and owe each payee a share that never changes
/// @notice A derivative's royalties and use payments go to such a split; an original's go to its revenue address itself.
interface IRevenueSplitFactory {
    /// @notice Makes the split of exactly these payees and shares. Anyone may call it; a split has no owner.
    /// @param payees Not zero. The same one may stand twice (two parents of one creator); a payee may be a split itself.
    /// @param shareBps Of all that arrives, per payee, in ten-thousandths; each above 0, 10,000 in sum.
    /// @return split Where to send money.
    function make(address[] calldata payees, uint16[] calldata shareBps) external returns (address split);
}

/// @title One split: fixed payees, fixed shares, no owner, no setter
interface IRevenueSplit {
    /// @notice Raw units of `money` that `payee` may take now, rounded down. 0 for a stranger.
    function owed(address money, address payee) external view returns (uint256 amount);

    /// @notice Pays `payee` what it is owed, to itself and nowhere else. Anyone may call it, so that a split can be paid too;
    /// a payee that cannot be paid holds up nobody but itself.
    function release(address money, address payee) external returns (uint256 amount);
}
