import pytest

from edge.errors import ConfigurationError, SourceError
from edge.sources.camera import CameraSource
from edge.sources.file import FileSource
from edge.sources.folder import FolderSource
from edge.sources.mjpeg import HttpSource
from edge.sources.opening import open_source
from edge.sources.picamera import PicameraSource
from edge.sources.rtsp import RtspSource


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("clip.mp4", FileSource, "clip.mp4"),
        ("/absent/clip.mp4", FileSource, "/absent/clip.mp4"),
        ("0", CameraSource, "/dev/video0"),
        ("/dev/video2", CameraSource, "/dev/video2"),
        ("/dev/null", CameraSource, "/dev/null"),
        ("rtsp://admin:hunter2@192.0.2.1/ch1", RtspSource, "rtsp://192.0.2.1/***"),
        ("http://admin:hunter2@192.0.2.1:8080/video?user=admin", HttpSource, "http://192.0.2.1:8080/***"),
        ("HTTPS://camera.example/mjpg", HttpSource, "https://camera.example/***"),
        ("picamera:1", PicameraSource, "picamera:1"),
    ],
)
def test_chooses_by_what_is_written(text, kind, name):
    source = open_source(text)
    assert type(source) is kind
    assert source.name == name


def test_a_folder_needs_a_rate(tmp_path):
    assert isinstance(open_source(str(tmp_path), 5.0), FolderSource)
    with pytest.raises(ConfigurationError, match="needs a rate"):
        open_source(str(tmp_path))


@pytest.mark.parametrize("rate_hz", [0.0, -1.0, float("nan"), 1e9])
def test_a_rate_that_is_none(tmp_path, rate_hz):
    with pytest.raises(ConfigurationError, match="rate"):
        open_source(str(tmp_path), rate_hz)


def test_a_rate_reaches_a_bare_stream(ffmpeg, tmp_path):
    path = tmp_path / "bare.h264"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=1", "-c:v", "libx264", "-f", "h264", path)
    first, second = list(open_source(str(path), 5.0).frames())[:2]
    assert second.capture_ns - first.capture_ns == 200_000_000


def test_other_streams_are_refused_without_their_secrets():
    with pytest.raises(SourceError, match="srt://: not supported") as caught:
        open_source("srt://admin:hunter2@192.0.2.1/stream")
    assert "hunter2" not in str(caught.value)


def test_a_name_that_no_file_can_have_is_no_source():
    with pytest.raises(SourceError, match="File name too long; give the path of a video"):
        open_source("x" * 300)
