"""Patron: an algorithmic patron for generative media."""

__version__ = "0.1.0"
