"""All proofs by name."""

from proofs import (
    accuracy,
    boot,
    cameras,
    cluster,
    conversions,
    dashboard,
    discovery,
    faults,
    features,
    fleet,
    gpu,
    hour,
    image,
    installer,
    latency,
    memory,
    node_red,
    notify,
    prometheus,
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
        conversions.PROOF,
        gpu.PROOF,
        features.PROOF,
        cluster.PROOF,
        faults.PROOF,
        cameras.PROOF,
        latency.PROOF,
        scale.PROOF,
        soak.PROOF,
        writes.PROOF,
        fleet.PROOF,
        hour.PROOF,
        discovery.PROOF,
        dashboard.PROOF,
        notify.PROOF,
        installer.PROOF,
        node_red.PROOF,
        prometheus.PROOF,
        boot.PROOF,
        image.PROOF,
    )
}
