"""What is, and what is not, in the returns of AI and media tokens: evidence with intervals, and its own checks."""
