"""Films of every kind, compared with a second decoder: Debian's ffmpeg, another build of another version."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from edge.sources.file import FileSource
from edge.types import NS_PER_S

RATE_HZ = 25
MAX_MEAN_DIFFERENCE = 2.0
"""Of 255: versions round differently where 10 bits become 8."""
PLAIN = "testsrc2=size=160x120:rate=25:duration=2"
FIELDS = "testsrc2=size=160x120:rate=50:duration=2,tinterlace=interleave_top,setfield=tff"
SOFT = "testsrc2=size=320x240:rate=25:duration=2,gblur=sigma=1"
"""No edge of colour is sharper in what a camera films; at such edges both decoders are as far from the truth."""
H264 = "-c:v libx264 -preset veryfast -g 25 -bf 2"
MBAFF = f"{H264} -flags +ilme+ildct -x264opts tff=1 -pix_fmt yuv420p"


@dataclass(frozen=True)
class Film:
    """How ffmpeg makes a film."""

    name: str
    source: str = PLAIN
    coding: str = f"{H264} -pix_fmt yuv420p"
    rotate: int | None = None
    kept: float = 1.0
    """The share of the file that is left of it."""


FILMS = [
    Film("progressive.mp4"),
    Film("long-order.mkv", coding=f"{H264} -bf 8 -pix_fmt yuv420p"),
    Film("mbaff.mp4", FIELDS, MBAFF),
    Film("mbaff-709.mp4", FIELDS, f"{MBAFF} -colorspace bt709 -color_primaries bt709 -color_trc bt709"),
    Film("fields.ts", FIELDS, "-c:v mpeg2video -q:v 3 -flags +ilme+ildct -pix_fmt yuv420p"),
    Film(
        "dv.avi",
        "testsrc2=size=720x576:rate=50:duration=0.4,tinterlace=interleave_bottom,setfield=bff",
        "-c:v dvvideo -pix_fmt yuv420p",
    ),
    Film("ten-bits.mp4", SOFT, coding=f"{H264} -pix_fmt yuv420p10le"),
    Film("ten-bits.mkv", SOFT, coding="-c:v libx265 -x265-params log-level=none -pix_fmt yuv420p10le"),
    Film("rotated-90.mp4", rotate=90),
    Film("rotated-180.mp4", rotate=180),
    Film("rotated-270.mp4", rotate=270),
    Film("variable.mp4", f"{PLAIN},select='not(eq(mod(n,7),3))*not(between(n,20,31))'"),
    Film("gap-of-2-min.mp4", f"{PLAIN},setpts='PTS+if(gte(N,30),120/TB,0)'"),
    Film("gap-of-2-min.ts", f"{PLAIN},setpts='PTS+if(gte(N,30),120/TB,0)'"),
    Film("odd.avi", f"{PLAIN},scale=161:119", "-c:v mjpeg -q:v 3 -pix_fmt yuvj420p"),
    Film("odd.mkv", f"{PLAIN},scale=161:119", "-c:v ffv1 -pix_fmt yuv420p"),
    Film("odd-444.mp4", f"{PLAIN},scale=161:119", f"{H264} -pix_fmt yuv444p"),
    Film("full-range.mp4", f"{PLAIN},scale=out_range=full", f"{H264} -pix_fmt yuvj420p"),
    Film("tagged-709.mp4", coding=f"{H264} -pix_fmt yuv420p -colorspace bt709 -color_primaries bt709"),
    Film("reordered.avi", coding="-c:v mpeg4 -bf 2 -q:v 4"),
    Film("uncompressed.avi", coding="-c:v rawvideo -pix_fmt bgr24"),
    Film("grey.mkv", coding="-c:v ffv1 -pix_fmt gray"),
    Film("browser.webm", coding="-c:v libvpx -b:v 1M"),
    Film("cut.mp4", coding=f"{H264} -pix_fmt yuv420p -movflags faststart", kept=0.6),
    Film("cut.ts", kept=0.6),
    Film("cut.avi", coding="-c:v mpeg4 -bf 2 -q:v 4", kept=0.6),
]


@pytest.fixture(scope="module")
def ffmpeg() -> str:
    found = shutil.which("ffmpeg")
    if found is None or shutil.which("ffprobe") is None:
        pytest.skip("ffmpeg is not installed (Debian package ffmpeg)")
    return found


def make(ffmpeg: str, film: Film, path: Path) -> None:
    rate = "-vsync passthrough -enc_time_base 1:1000" if "setpts" in film.source or "select" in film.source else ""
    command = f"-v error -y -f lavfi -i {film.source.replace(' ', '')} {rate} {film.coding}".split()
    subprocess.run([ffmpeg, *command, str(path)], check=True)
    if film.rotate is not None:
        upright = path.rename(path.with_name("upright.mp4"))
        turn = ["-c", "copy", "-metadata:s:v", f"rotate={film.rotate}"]
        subprocess.run([ffmpeg, "-v", "error", "-i", str(upright), *turn, str(path)], check=True)
    os.truncate(path, int(path.stat().st_size * film.kept))


def by_ffmpeg(ffmpeg: str, path: Path) -> list[tuple[float, np.ndarray]]:
    """Times in seconds from the first, and uint8 (height, width, 3) RGB, upright."""

    def run(*command: str) -> bytes:
        return subprocess.run([*command], capture_output=True, check=False).stdout

    read = (ffmpeg, "-v", "error", "-i", str(path), "-map", "0:v:0", "-vsync", "passthrough")
    _, width, height, _ = run(*read, "-frames:v", "1", "-f", "image2pipe", "-c:v", "ppm", "-").split(maxsplit=3)
    pixels = run(*read, "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    pictures = np.frombuffer(pixels, np.uint8).reshape(-1, int(height), int(width), 3)
    show = ("-select_streams", "v:0", "-show_entries", "frame=best_effort_timestamp_time", "-of", "csv=p=0")
    times_s: list[float] = []
    for stamp in run("ffprobe", "-v", "error", *show, str(path)).decode().split():
        stamp_s = stamp.strip(",")
        times_s.append(times_s[-1] + 1 / RATE_HZ if stamp_s == "N/A" else float(stamp_s))
    assert len(times_s) == len(pictures)
    return [(time_s - times_s[0], picture) for time_s, picture in zip(times_s, pictures, strict=True)]


@pytest.mark.parametrize("film", FILMS, ids=lambda film: film.name)
def test_gives_the_pictures_that_the_other_decoder_gives_when_it_gives_them(ffmpeg, film, tmp_path):
    path = tmp_path / film.name
    make(ffmpeg, film, path)
    expected = by_ffmpeg(ffmpeg, path)
    found = [(frame.capture_ns / NS_PER_S, frame.pixels()) for frame in FileSource(path).frames()]
    assert len(expected) > 5
    assert len(found) == len(expected)
    for (time_s, pixels), (expected_s, picture) in zip(found, expected, strict=True):
        assert time_s == pytest.approx(expected_s, abs=1 / RATE_HZ)
        assert pixels is not None
        assert pixels.shape == picture.shape
        assert np.abs(pixels.astype(np.int16) - picture).mean() <= MAX_MEAN_DIFFERENCE
