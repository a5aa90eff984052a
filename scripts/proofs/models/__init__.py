"""Proofs of what models are worth, and what making them costs."""
