"""Clips: the data sets that they come from, their labels, groups and times, splits, checks, and their frames."""
