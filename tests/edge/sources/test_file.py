import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edge.errors import SourceError
from edge.sources import decoded_frames
from edge.sources.file import FileSource

RATE_HZ = 10


def level(index: int) -> int:
    return 20 + 5 * index


def read(path: Path):
    source = FileSource(path)
    return list(decoded_frames(source)), source.skipped_frames


def refused(path: Path) -> str:
    with pytest.raises(SourceError) as caught:
        list(decoded_frames(FileSource(path)))
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "mp4v"), ("a.avi", "MJPG"), ("a.mkv", "FFV1")])
def test_gives_frames_with_their_times(make_video, name, codec):
    frames, skipped = read(make_video(name, 30, codec=codec))
    assert [frame.sequence for frame in frames] == list(range(30))
    assert [frame.capture_ns for frame in frames] == pytest.approx([i * 1e8 for i in range(30)], abs=1e3)
    assert [int(frame.pixels.mean()) for frame in frames] == pytest.approx([level(i) for i in range(30)], abs=4)
    assert skipped == 0


def test_pixels_are_rgb_and_read_only(make_raw_video):
    frames, _ = read(make_raw_video("red.avi", np.full((3, 16, 16, 4), (0, 0, 250, 255), np.uint8)))
    pixels = frames[0].pixels
    assert pixels[8, 8].tolist() == [250, 0, 0]
    assert (pixels.dtype, pixels.shape) == (np.uint8, (16, 16, 3))
    with pytest.raises(ValueError, match="read-only"):
        pixels[0] = 0


@pytest.mark.parametrize("codec", ["MJPG", "FFV1"])
def test_grey_has_three_equal_channels(make_video, codec):
    frames, _ = read(make_video("grey.avi", 5, codec=codec, colour=False))
    assert frames[0].pixels.shape == (48, 64, 3)
    assert np.ptp(frames[3].pixels.reshape(-1, 3).mean(axis=0)) < 1


def test_alpha_is_dropped(make_raw_video):
    pixels = np.zeros((3, 16, 16, 4), np.uint8)
    pixels[..., 1], pixels[..., 3] = 200, 10
    frames, _ = read(make_raw_video("alpha.avi", pixels))
    assert frames[0].pixels.shape == (16, 16, 3)
    assert frames[0].pixels[4, 4].tolist() == [0, 200, 0]


@pytest.mark.parametrize(("height", "width"), [(47, 63), (1, 1), (3, 200), (201, 2)])
def test_odd_sizes(make_raw_video, height, width):
    pixels = np.random.default_rng(0).integers(0, 256, (3, height, width, 4), np.uint8)
    frames, _ = read(make_raw_video("odd.avi", pixels))
    assert len(frames) == 3
    np.testing.assert_array_equal(frames[1].pixels, pixels[1][..., 2::-1])


def test_uncompressed_pictures(make_raw_video):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 48, 64, 3), np.uint8)
    frames, _ = read(make_raw_video("bgr.avi", pixels))
    np.testing.assert_array_equal(frames[1].pixels, pixels[1][..., ::-1])


def test_4k(make_video):
    frames, _ = read(make_video("4k.avi", 2, size=(3840, 2160)))
    assert [frame.pixels.shape for frame in frames] == [(2160, 3840, 3)] * 2


def test_one_frame(make_video):
    frames, skipped = read(make_video("one.mp4", 1, codec="mp4v"))
    assert [frame.capture_ns for frame in frames] == [0]
    assert skipped == 0


def damaged(path: Path, first: int, last: int) -> Path:
    """Overwrite the pictures `first` to `last - 1` of a motion JPEG with zeros."""
    content = bytearray(path.read_bytes())
    starts, at = [], 0
    while (at := content.find(b"\xff\xd8\xff", at)) >= 0:
        starts.append(at)
        at += 3
    for index in range(first, last):
        end = starts[index + 1] - 8
        content[starts[index] : end] = bytes(end - starts[index])
    path.write_bytes(content)
    return path


def test_a_corrupt_middle_is_passed_over_and_counted(make_video):
    frames, skipped = read(damaged(make_video("corrupt.avi", 30), 10, 15))
    assert skipped == 5
    whole = [*range(10), *range(15, 30)]
    assert [round(frame.capture_ns / 1e8) for frame in frames] == whole
    assert [int(frame.pixels.mean()) for frame in frames] == pytest.approx([level(i) for i in whole], abs=4)


def test_damage_for_longer_than_any_buffer(make_video):
    frames, skipped = read(damaged(make_video("corrupt.avi", 47), 2, 44))
    assert (len(frames), skipped) == (5, 42)


def test_a_cut_off_file_gives_what_it_has_and_counts_the_rest(make_video):
    path = make_video("cut.avi", 40)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    frames, skipped = read(path)
    assert 5 < len(frames) < 35
    assert len(frames) + skipped == 40


def test_real_footage_with_damage_keeps_its_times(data_dir, tmp_path):
    original = data_dir / "surveillance-fight" / "fight" / "fi079.mp4"
    content = bytearray(original.read_bytes())
    half, tenth = len(content) // 2, len(content) // 10
    content[half : half + tenth] = bytes(tenth)
    path = tmp_path / "damaged.mp4"
    path.write_bytes(content)
    whole, _ = read(original)
    frames, skipped = read(path)
    assert 0 < skipped < 20
    assert len(frames) + skipped == len(whole)
    assert {frame.capture_ns for frame in frames} <= {frame.capture_ns for frame in whole}
    assert frames[-1].capture_ns == whole[-1].capture_ns


def test_real_footage_with_irregular_times_keeps_them(data_dir):
    clip = next((data_dir / "gmdcsa24").glob("Subject 3/Fall/19.mp4"))
    frames, skipped = read(clip)
    gaps_ms = np.diff([frame.capture_ns for frame in frames]) / 1e6
    assert skipped == 0
    assert gaps_ms.min() == pytest.approx(63.7, abs=0.1)
    assert gaps_ms.max() == pytest.approx(80.2, abs=0.1)


def test_frames_may_be_passed_over(make_video):
    source = FileSource(make_video("a.avi", 30))
    seen = [(frame, frame.pixels() if frame.capture_ns % 500_000_000 == 0 else None) for frame in source.frames()]
    assert len(seen) == 30
    asked = [(frame.sequence, pixels) for frame, pixels in seen if pixels is not None]
    assert [sequence for sequence, _ in asked] == [0, 5, 10, 15, 20, 25]
    assert [int(pixels.mean()) for _, pixels in asked] == pytest.approx([level(i) for i in range(0, 30, 5)], abs=4)


def test_can_be_read_again(make_video):
    source = FileSource(make_video("a.avi", 5))
    assert len(list(decoded_frames(source))) == len(list(decoded_frames(source))) == 5


def test_closing_ends_it_at_the_next_frame_for_good(make_video):
    source = FileSource(make_video("a.avi", 30))
    frames = decoded_frames(source)
    next(frames)
    source.close()
    assert list(frames) == []
    assert list(decoded_frames(source)) == []
    assert source.skipped_frames == 0


def test_a_missing_file(tmp_path):
    assert "No such file" in refused(tmp_path / "absent.mp4")


def test_a_folder(tmp_path):
    assert "is a folder" in refused(tmp_path)


def test_an_empty_file(tmp_path):
    (tmp_path / "empty.mp4").touch()
    assert "is empty" in refused(tmp_path / "empty.mp4")


@pytest.mark.parametrize(
    "content", [b"no video at all\n" * 100, bytes(10_000), b"\x00\x00\x00\x18ftypmp42" + bytes(500)]
)
def test_what_is_no_video(tmp_path, content):
    path = tmp_path / "text.mp4"
    path.write_bytes(content)
    assert "no video" in refused(path)


def test_a_video_of_zero_length(make_video):
    assert "holds no frame" in refused(make_video("none.avi", 0))
    refused(make_video("none.mp4", 0, codec="mp4v"))


def test_a_film_in_an_unknown_code_is_no_video(make_video):
    path = make_video("a.mp4", 10, codec="mp4v")
    path.write_bytes(path.read_bytes().replace(b"mp4v", b"zzzz").replace(b"esds", b"zzzz"))
    assert "no video can be read" in refused(path)


def test_a_cut_off_file_without_its_index(make_video):
    path = make_video("cut.mp4", 30, codec="mp4v")  # the index is at the end
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert "cut off" in refused(path)


def test_a_name_that_ffmpeg_would_take_for_a_protocol(make_video, monkeypatch):
    path = make_video("concat:a.avi", 3)
    monkeypatch.chdir(path.parent)
    assert len(list(decoded_frames(FileSource(Path("concat:a.avi"))))) == 3


def test_a_name_that_is_not_utf_8(make_video):
    path = make_video("a.mp4", 3, codec="mp4v")
    odd = path.rename(path.with_name(os.fsdecode(b"B\xfcro.mp4")))
    assert len(read(odd)[0]) == 3
    odd.write_bytes(b"no video at all\n" * 100)
    with pytest.raises(SourceError, match=r"B\ufffdro\.mp4: no video"):
        list(FileSource(odd).frames())


def test_a_title_that_is_not_utf_8(ffmpeg, make_video):
    path = make_video("a.mkv", 3, codec="FFV1")
    titled = path.with_name("titled.avi")
    ffmpeg("-i", path, "-c", "copy", "-metadata", "title=Buero", titled)
    titled.write_bytes(titled.read_bytes().replace(b"Buero", b"B\xfcro\0"))
    assert len(read(titled)[0]) == 3


BARE = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=3", "-pix_fmt", "yuv420p")
WITHOUT_RATE = ("-c:v", "libx265", "-x265-params", "log-level=none:vui-timing-info=0", "-f", "hevc")


def test_a_bare_stream_without_times_is_refused_until_somebody_says_its_rate(ffmpeg, tmp_path):
    path = tmp_path / "bare.h265"
    ffmpeg(*BARE, *WITHOUT_RATE, path)
    assert "has no times; say with --rate" in refused(path)
    frames = list(FileSource(path, 10.0).frames())
    assert [frame.capture_ns for frame in frames] == pytest.approx([number * 1e8 for number in range(30)], abs=1)


def test_a_bare_stream_that_states_its_rate_is_believed_where_nobody_says_another(ffmpeg, tmp_path):
    path = tmp_path / "bare.h264"
    ffmpeg(*BARE, "-c:v", "libx264", "-f", "h264", path)
    assert [frame.capture_ns for frame in FileSource(path).frames()][:3] == [0, 100_000_000, 200_000_000]
    assert [frame.capture_ns for frame in FileSource(path, 20.0).frames()][:3] == [0, 50_000_000, 100_000_000]


def test_bare_pictures_one_after_the_other_have_no_times_either(ffmpeg, tmp_path):
    path = tmp_path / "bare.mjpeg"
    ffmpeg(*BARE, "-c:v", "mjpeg", "-f", "mjpeg", path)
    assert "has no times" in refused(path)
    assert [frame.capture_ns for frame in FileSource(path, 10.0).frames()][:3] == [0, 100_000_000, 200_000_000]


@pytest.mark.parametrize("suffix", ["bmp", "png", "tiff", "webp"])
def test_one_picture_is_refused_as_that(ffmpeg, tmp_path, suffix):
    ffmpeg("-f", "lavfi", "-i", "color=red:size=32x32", "-frames:v", "1", tmp_path / f"shot.{suffix}")
    assert "shot." + suffix + ": is a picture, no video; give a video, or the folder" in refused(
        tmp_path / f"shot.{suffix}"
    )


@pytest.mark.parametrize(("codec", "suffix"), [("bmp", "avi"), ("tiff", "mov"), ("tiff", "mkv")])
def test_screen_recordings_of_uncompressed_pictures_are_films(ffmpeg, tmp_path, codec, suffix):
    path = tmp_path / f"screen.{suffix}"
    ffmpeg(*BARE, "-c:v", codec, path)
    frames, _ = read(path)
    assert [frame.capture_ns for frame in frames] == pytest.approx([number * 1e8 for number in range(30)], abs=1e6)


def test_a_containers_own_times_go_before_a_rate(make_video):
    frames = list(FileSource(make_video("a.mp4", 3, codec="mp4v"), 50.0).frames())
    assert [frame.capture_ns for frame in frames] == pytest.approx([0, 1e8, 2e8], abs=1e3)


@pytest.mark.parametrize(("default", "shape"), [(None, (48, 64, 3)), (0, (48, 64, 3)), (1, (96, 128, 3))])
def test_of_two_films_in_a_file_the_first_is_watched_or_the_one_that_is_marked(ffmpeg, tmp_path, default, shape):
    path = tmp_path / "two.mkv"
    first, second = "testsrc2=size=64x48:rate=10:duration=2", "testsrc2=size=128x96:rate=2:duration=2"
    marks = [f"-disposition:v:{number} {'default' if number == default else '0'}" for number in range(2)]
    films = f"-f lavfi -i {first} -f lavfi -i {second} -map 0 -map 1 -c:v ffv1 {' '.join(marks)}"
    ffmpeg(*films.split(), path)
    frames, _ = read(path)
    assert frames[0].pixels.shape == shape
    assert len(frames) == (4 if default == 1 else 20)


def test_a_cover_is_no_film(ffmpeg, make_video, tmp_path):
    film, cover, path = make_video("a.mp4", 5, codec="mp4v"), tmp_path / "cover.png", tmp_path / "covered.mp4"
    ffmpeg("-f", "lavfi", "-i", "color=red:size=32x32", "-frames:v", "1", cover)
    ffmpeg("-i", cover, "-i", film, "-map", "0", "-map", "1", "-c", "copy", "-disposition:v:0", "attached_pic", path)
    frames, _ = read(path)
    assert [frame.pixels.shape for frame in frames] == [(48, 64, 3)] * 5


def test_a_file_calls_no_server(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/part.ts"
        playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{address}\n#EXT-X-ENDLIST\n"
        (tmp_path / "list.m3u8").write_text(playlist)
        refused(tmp_path / "list.m3u8")
        with pytest.raises(TimeoutError):
            server.accept()


def test_pixels_can_be_asked_for_late_or_not_at_all(make_video):
    source = FileSource(make_video("a.avi", 30))
    frames = list(source.frames())
    pixels = frames[7].pixels()
    assert pixels is not None
    assert int(pixels.mean()) == pytest.approx(level(7), abs=4)
    assert source.skipped_frames == 0


def test_the_shared_cases(cases_dir):
    woven, plain = (
        decoded_frames(FileSource(cases_dir / f"fall-{kind}.mp4")) for kind in ("interlaced", "progressive")
    )
    for one, other in zip(woven, plain, strict=True):
        assert one.capture_ns == other.capture_ns
        assert np.abs(one.pixels.astype(np.int16) - other.pixels).mean() < 2
    times_s = [frame.capture_ns / 1e9 for frame in FileSource(cases_dir / "fall-after-a-gap-of-2-min.mp4").frames()]
    assert len(times_s) == 420
    assert max(np.diff(times_s)) == pytest.approx(120.05)


READ = """
import sys
from pathlib import Path
from edge.errors import SourceError
from edge.sources import decoded_frames
from edge.sources.file import FileSource
for name in sys.argv[1:]:
    try:
        list(decoded_frames(FileSource(Path(name))))
    except SourceError:
        pass
"""


def test_libav_writes_nothing(make_video, tmp_path):
    """In a process of its own, which does what nobody else has done before."""
    (tmp_path / "text.mp4").write_bytes(b"no video at all\n" * 100)
    paths = [damaged(make_video("corrupt.avi", 30), 10, 15), tmp_path / "text.mp4", tmp_path / "absent.mp4"]
    done = subprocess.run([sys.executable, "-c", READ, *map(str, paths)], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
