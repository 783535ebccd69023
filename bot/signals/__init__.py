"""Shell: recorded and generated data, point in time."""
