"""What a decision was made from, kept so that a stranger can make it again and hold it against the chain."""
