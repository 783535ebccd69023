"""Liquidity providing, checked: event logs replayed, positions that are in the pool, minute bars, the report."""
