// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title The part of an ERC-3643 identity registry that Patron reads
interface IIdentityRegistry {
    /// @return True when `who` has an identity there with every claim that registry asks for.
    function isVerified(address who) external view returns (bool);

    /// @return ISO 3166-1 numeric code of the country of `who`; 0 when there is none.
    function investorCountry(address who) external view returns (uint16);
}
