"""Measurements that take longer than a test, and the records of what they found.

A proof has two halves: `measure` runs the real thing and returns evidence (times, per-clip scores, digests), `figures`
computes every figure from that evidence alone. Both go into `tests/proofs/NAME.json`, so that a test can compute the
figures again without the machine, the hours or the footage that the evidence took.
"""

from proofs.frame.proof import Figure, Limit, Proof, Setting

__all__ = ["Figure", "Limit", "Proof", "Setting"]
