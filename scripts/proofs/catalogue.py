"""All proofs by name."""

from proofs import accuracy, memory, speed
from proofs.proof import Proof

PROOFS: dict[str, Proof] = {proof.name: proof for proof in (accuracy.PROOF, speed.PROOF, memory.PROOF)}
