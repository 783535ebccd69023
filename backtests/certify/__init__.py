"""Certificates: the gates a strategy passes before it may move capital, and the log of everything that was tried."""
