"""Pools in compiled code: 256-bit integers, exact to the wei. The plain mirrors are in `bot.core.amm`."""
