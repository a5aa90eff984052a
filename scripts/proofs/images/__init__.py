"""Proofs of an image or an installation: booted, updated, cut from power."""
