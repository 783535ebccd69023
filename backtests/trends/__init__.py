"""What the scorer of topics is worth on recordings: out of time, on repositories it never saw, against plain rivals."""
