"""Data enters at the top and leaves at the bottom: source -> sample -> backend -> aggregator -> alerts."""
