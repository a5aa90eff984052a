"""Proofs of what others read from a box: dashboards, home automation, monitoring."""
