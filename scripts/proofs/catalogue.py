"""All proofs by name."""

from proofs.box import cameras, demo, faults, gpu, hostile, hour, latency, scale, siege, soak, speed, writes
from proofs.frame.proof import Proof
from proofs.images import arm64, audit, boot, image, installer, power_cut, update
from proofs.messages import dashboard, discovery, fleet, home_assistant, node_red, notify, prometheus
from proofs.models import (
    accuracy,
    cluster,
    conversions,
    falls,
    features,
    gate,
    memory,
    people,
    recipes,
    without_rendered,
)

PROOFS: dict[str, Proof] = {
    proof.name: proof
    for proof in (
        accuracy.PROOF,
        without_rendered.PROOF,
        speed.PROOF,
        memory.PROOF,
        recipes.PROOF,
        conversions.PROOF,
        people.PROOF,
        falls.PROOF,
        gate.PROOF,
        gpu.PROOF,
        arm64.PROOF,
        features.PROOF,
        cluster.PROOF,
        faults.PROOF,
        cameras.PROOF,
        latency.PROOF,
        scale.PROOF,
        soak.PROOF,
        demo.PROOF,
        writes.PROOF,
        fleet.PROOF,
        hour.PROOF,
        hostile.PROOF,
        siege.PROOF,
        discovery.PROOF,
        home_assistant.PROOF,
        dashboard.PROOF,
        notify.PROOF,
        installer.PROOF,
        node_red.PROOF,
        prometheus.PROOF,
        boot.PROOF,
        image.PROOF,
        audit.PROOF,
        update.PROOF,
        power_cut.PROOF,
    )
}
