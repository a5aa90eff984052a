"""All proofs by name."""

from proofs import (
    accuracy,
    boot,
    cameras,
    discovery,
    faults,
    fleet,
    image,
    installer,
    latency,
    memory,
    scale,
    soak,
    speed,
    without_rendered,
    writes,
)
from proofs.proof import Proof

PROOFS: dict[str, Proof] = {
    proof.name: proof
    for proof in (
        accuracy.PROOF,
        without_rendered.PROOF,
        speed.PROOF,
        memory.PROOF,
        faults.PROOF,
        cameras.PROOF,
        latency.PROOF,
        scale.PROOF,
        soak.PROOF,
        writes.PROOF,
        fleet.PROOF,
        discovery.PROOF,
        installer.PROOF,
        boot.PROOF,
        image.PROOF,
    )
}
