"""Proofs of one box: cameras, speed, faults, long runs."""
