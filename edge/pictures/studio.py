"""From the configuration to a photographer."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from edge.config import PicturesConfig
from edge.pictures.album import S_PER_DAY, Album
from edge.pictures.photographer import ClipSpan, Photographer, Send
from edge.pictures.ring import Ring

MARGIN_S: Final = 3.0
"""A ring holds so much more than a clip, since clips are made a little later than they end."""
PICTURES: Final = "pictures"
FALSE_ALARMS: Final = "false-alarms"


def open_rings(settings: PicturesConfig, cameras: Iterable[str]) -> dict[str, Ring]:
    """Return a ring for each camera; none where pictures are off."""
    style = settings.snapshots
    if style == "off":
        return {}
    seconds = MARGIN_S + (settings.before_s + settings.after_s if settings.clips else 0.0)
    return {
        name: Ring(style, seconds=seconds, rate_hz=settings.rate_hz, width_px=settings.width_px) for name in cameras
    }


def open_photographer(
    settings: PicturesConfig,
    rings: dict[str, Ring],
    state_dir: Path | None,
    send: Send | None,
    report: Callable[[str], None],
) -> Photographer:
    """Return a photographer of these rings, who keeps pictures below the state directory, if there is one."""
    album = false_alarms = None
    if state_dir is not None:
        max_age_s = settings.max_age_days * S_PER_DAY
        album = Album(state_dir / PICTURES, max_bytes=settings.max_bytes, max_age_s=max_age_s)
        false_alarms = Album(state_dir / FALSE_ALARMS, max_bytes=settings.max_bytes)
    return Photographer(
        rings,
        ClipSpan(settings.before_s, settings.after_s) if settings.clips else None,
        album=album,
        false_alarms=false_alarms,
        send=send if settings.publish else None,
        report=report,
    )
