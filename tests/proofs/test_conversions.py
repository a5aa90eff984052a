"""Figures of the conversion proof."""

from typing import Any

from proofs.conversions import PROOF, figures


def conversion(db: float, ratio: float, seconds: float, **more: Any) -> dict[str, Any]:
    frame = {"features_snr_db": db, "label_agreement": 0.9, "latency_ratio": ratio, "size_bytes": 4_900_000}
    return {"seconds": seconds, "peak_bytes": 2_500_000_000, "verification": {"frame": frame, **more}}


GOOD = {
    "float32": conversion(120, 1.0, 20),
    "float16": conversion(50, 1.0, 20),
    "mixed": conversion(18.5, 0.58, 120),
    "int8": conversion(13.5, 0.46, 240, edgetpu={"predicted_mac_share": 1.0}),
}


def test_good_conversions_keep_the_limits() -> None:
    found = figures({"conversions": GOOD})
    assert found["minutes_max"] == 4
    assert found["memory_gb_max"] == 2.5
    assert found["size_mb_int8"] == 4.9
    assert PROOF.missed(found) == []


def test_each_limit_can_be_missed() -> None:
    bad = GOOD | {"int8": conversion(11.9, 0.51, 301, edgetpu={"predicted_mac_share": 0.98})}
    missed = {line.split()[0] for line in PROOF.missed(figures({"conversions": bad}))}
    assert missed == {"features_db_int8", "latency_ratio_int8", "mapped_macs_int8", "minutes_max"}
