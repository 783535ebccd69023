"""Shell: the outbox. An intent is on disk before its bytes leave the process."""
