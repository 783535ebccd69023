"""The pure core: no IO, no asyncio, no clock, no web3. stdlib and numpy only."""
