"""`bundle.json` of bundles that tests make."""

import hashlib
from typing import Any

PLACES = {
    "input": "networks",
    "precision": "networks",
    "n_features": "networks",
    "n_state": "heads",
    "window_s": "heads",
}


def two_networks(scene_px: tuple[int, int], stream: str, people_px: tuple[int, int]) -> dict[str, Any]:
    """Fields of a scene network at 5 pictures a second and a people network at 10; sizes are height and width."""
    return {
        "scene": {
            "files": {"cpu": "frame.tflite"},
            "precision": "int8",
            "input": {"height_px": scene_px[0], "width_px": scene_px[1], "stream": stream, "rate_hz": 5.0},
            "least_rate_hz": 4.5,
            "n_features": 4,
        },
        "people": {
            "files": {"cpu": "pose.tflite"},
            "precision": "int8",
            "input": {"height_px": people_px[0], "width_px": people_px[1], "stream": "rgb", "rate_hz": 10.0},
            "least_rate_hz": 4.0,
        },
    }


def manifest(files: dict[str, bytes], **changes: Any) -> dict[str, Any]:
    """Fields of format 2 of a scene network `frame.tflite` and what is named like a head beside it; digests fit.

    Args:
        files: content by name.
        changes: fields of the scene's network or head by their own names, or of bundle.json.
    """
    scene: dict[str, Any] = {
        "files": {
            backend: name
            for backend, name in (("cpu", "frame.tflite"), ("edgetpu", "frame_edgetpu.tflite"))
            if name in files
        },
        "precision": "float32",
        "input": {"height_px": 32, "width_px": 32, "stream": "rgb", "rate_hz": 5.0},
        "least_rate_hz": 4.5,
        "n_features": 4,
    }
    head: dict[str, Any] = {"kind": "mean", "window_s": 1.0}
    if "window.tflite" in files:
        head |= {"kind": "window", "file": "window.tflite"}
    elif "head.tflite" in files:
        head |= {"kind": "recurrent", "file": "head.tflite", "n_state": 2}
    for name, place in PLACES.items():
        if name in changes:
            (scene if place == "networks" else head)[name] = changes.pop(name)
    scene["least_rate_hz"] = min(scene["least_rate_hz"], scene["input"].get("rate_hz", 5.0))
    fields = {
        "format_version": 2,
        "name": "tiny",
        "created_at": "2026-01-01T00:00:00Z",
        "labels": ["normal", "fall", "violence"],
        "networks": {"scene": scene},
        "heads": {"scene": head},
        "alerts": {"fall": {}},
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        "verification": {},
        "provenance": {},
    } | changes
    return {"combine": {label: {"scene": 1.0} for label in fields["alerts"]}} | fields
