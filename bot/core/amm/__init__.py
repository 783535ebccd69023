"""Exact integer mirrors of automated market makers' mathematics, in plain Python ints."""
