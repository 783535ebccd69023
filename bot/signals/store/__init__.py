"""What was said, when it was said, and by whom: kept for good, and asked as of any day. See `signal_store`."""
