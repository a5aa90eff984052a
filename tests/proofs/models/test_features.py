"""Figures of the proofs `features` and `dask`, and their small parts."""

from pathlib import Path

import cv2
import numpy as np

from proofs.models import cluster, features, features_child, memory
from trainer.features.cache import write_entry

EVIDENCE = {
    "clips": 300,
    "workers": 2,
    "parts": [{"decode_s": 30.0, "inference_s": 40.0}, {"decode_s": 34.0, "inference_s": 46.0}] * 2,
    "first": {"seconds": 160.0, "peak_bytes": 900_000_000},
    "second": {"seconds": 4.0, "peak_bytes": 0},
    "many": {"seconds": 200.0, "peak_bytes": 1_000_000_000, "clips": 3000},
}


def test_the_limit_is_the_sum_of_the_parts_on_all_cores() -> None:
    found = features.figures(EVIDENCE)
    assert found["of_limit"] == 300 / 2 / 160
    assert found["minutes_of_3000"] == 1600 / 60
    assert found["second_run"] == 40
    assert (found["peak_gb"], found["many_peak_gb"], found["many_clips"]) == (0.9, 1.0, 3000)
    assert features.PROOF.missed(found) == ["minutes_of_3000 is 26.666666666666668, stated: at most 15"]


def test_each_limit_can_be_missed() -> None:
    bad = {"first": {"seconds": 300.0, "peak_bytes": 2_100_000_000}, "second": {"seconds": 16.0}}
    bad["many"] = {"peak_bytes": 2_200_000_000, "clips": 3000}
    missed = {line.split()[0] for line in features.PROOF.missed(features.figures(EVIDENCE | bad))}
    assert missed == {"of_limit", "minutes_of_3000", "peak_gb", "many_peak_gb", "second_run"}


def test_pieces_hold_the_clip(tmp_path: Path) -> None:
    clip = tmp_path / "clip.avi"
    memory.write_clip(clip)
    pieces = [tmp_path / f"{number}.mp4" for number in range(4)]
    features._cut((clip, pieces))
    assert [int(cv2.VideoCapture(str(piece)).get(cv2.CAP_PROP_FRAME_COUNT)) for piece in pieces] == [30] * 4


def test_the_bare_loop_decodes_what_is_chosen(tmp_path: Path) -> None:
    memory.write_clip(tmp_path / "clip.avi")
    assert features_child.decode(str(tmp_path / "clip.avi"), "segments-40") == 40


def test_any_bit_counts(tmp_path: Path) -> None:
    for place, values in (("alone", np.zeros(3)), ("together", np.asarray([0.0, 0.0, -0.0]))):
        write_entry(tmp_path / place / "one.npz", {"features": values})
    alone, together = (cluster.digests(tmp_path / place) for place in ("alone", "together"))
    evidence = {"clips": 1, "workers": 4, "in_hand": 2, "seconds_alone": 1.0, "seconds": 1.0, "alone": alone}
    assert cluster.PROOF.missed(cluster.figures(evidence | {"together": alone})) == []
    found = cluster.figures(evidence | {"together": together})
    assert (found["differing"], found["missing"]) == (1, 0)
    found = cluster.figures(evidence | {"together": {}, "in_hand": 0})
    assert (found["missing"], found["killed"]) == (1, 0)
