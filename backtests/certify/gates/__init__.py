"""The gates: each a pure function from what was measured to one answer. Bounds are constants, with their reasons."""
