"""All proofs by name."""

from proofs import (
    accuracy,
    boot,
    cameras,
    conversions,
    dashboard,
    discovery,
    faults,
    fleet,
    gpu,
    home_assistant,
    hour,
    image,
    installer,
    latency,
    memory,
    node_red,
    notify,
    prometheus,
    recipes,
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
        recipes.PROOF,
        conversions.PROOF,
        gpu.PROOF,
        faults.PROOF,
        cameras.PROOF,
        latency.PROOF,
        scale.PROOF,
        soak.PROOF,
        writes.PROOF,
        fleet.PROOF,
        hour.PROOF,
        discovery.PROOF,
        home_assistant.PROOF,
        dashboard.PROOF,
        notify.PROOF,
        installer.PROOF,
        node_red.PROOF,
        prometheus.PROOF,
        boot.PROOF,
        image.PROOF,
    )
}
