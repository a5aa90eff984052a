"""All proofs by name."""

from proofs import accuracy, discovery, faults, fleet, latency, memory, speed, writes
from proofs.proof import Proof

PROOFS: dict[str, Proof] = {
    proof.name: proof
    for proof in (
        accuracy.PROOF,
        speed.PROOF,
        memory.PROOF,
        faults.PROOF,
        latency.PROOF,
        writes.PROOF,
        fleet.PROOF,
        discovery.PROOF,
    )
}
