"""Shell: the only SQL. Journal, double-entry postings, reconciliation."""
