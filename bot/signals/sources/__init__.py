"""Connectors: one file per source, each a pure parse function, its URLs, its paging and its rate limit."""
