"""The local mainnet, its fork, and the market that moves on it."""
