"""From one table to many boot partitions, each of which the box itself takes."""

import tomllib
from pathlib import Path

import pytest

from edge.cli import main
from edge.firstboot.apply import applied_network, apply_boot_files

TABLE = """name,wifi,wifi_password,broker,broker_password,cameras,camera_passwords
ward-1,net,"pass ""word"" 1",mqtts://box@h,secret,hall=/dev/video0|attic=rtsp://u@h/x,attic=ca=m
ward-2,,,mqtt://h,,hall=0,
"""


def provision(folder: Path, table: str, *options: object) -> int:
    path = folder / "boxes.csv"
    path.write_text(table, encoding="utf-8", newline="")
    return main(["provision", str(path), "--out", str(folder / "out"), *map(str, options)])


def test_every_box_takes_its_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = tmp_path / "common"
    common.mkdir()
    (common / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    assert provision(tmp_path, TABLE, "--common", common) == 0
    assert [Path(line).name for line in capsys.readouterr().out.splitlines()] == ["ward-1", "ward-2"]
    for name in ("ward-1", "ward-2"):
        assert apply_boot_files(tmp_path / "out" / name, tmp_path / name) == []
    first = tmp_path / "ward-1/applied"
    config = tomllib.loads((first / "edgewatch.toml").read_text())
    assert config["broker"] == {"url": "mqtts://box@h", "ca_file": "ca.pem"}
    assert config["cameras"] == {"hall": {"source": "/dev/video0"}, "attic": {"source": "rtsp://u@h/x"}}
    assert {path.name: path.read_text() for path in (first / "credentials").iterdir()} == {
        "mqtt-password": "secret",
        "camera-attic-password": "ca=m",
    }
    network = applied_network(tmp_path / "ward-1")
    assert (network.hostname, network.wifi, len(network.psk)) == ("ward-1", "net", 64)
    assert "ca_file" not in (tmp_path / "ward-2/applied/edgewatch.toml").read_text()


def test_a_spreadsheet_s_semicolons_and_mark_are_taken(tmp_path: Path) -> None:
    assert provision(tmp_path, "\ufeff" + "name;broker;cameras\r\nward-1;mqtt://h;hall=0\r\n") == 0


@pytest.mark.parametrize(
    ("table", "refusal"),
    [
        ("name,broker\nx,mqtt://h\n", "line 1: no column 'cameras'"),
        ("name,broker,cameras,wlan\n", "line 1: unknown column 'wlan'"),
        ("name,broker,cameras\nx,mqtt://h,hall=0\nx,mqtt://h,hall=0\n", "line 3: name 'x' stands in line 2"),
        ("name,broker,cameras\nx,mqtt://h,hall\n", "line 2: cameras: 'hall' is none; write NAME=VALUE"),
        ("name,broker,cameras\nx,,hall=0\n", "line 2: broker: is empty"),
        ("name,broker,cameras\nx,http://h,hall=0\n", "line 2: broker.url:"),
        ("name,broker,cameras\nA b,mqtt://h,hall=0\n", "line 2: device_id:"),
        ("name,broker,cameras,wifi,wifi_password\nx,mqtt://h,hall=0,net,short\n", "line 2: wifi_password:"),
    ],
)
def test_a_mistake_has_its_line_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], table: str, refusal: str
) -> None:
    assert provision(tmp_path, table) == 2
    assert refusal in capsys.readouterr().err
    assert not list((tmp_path / "out").glob("*"))


def test_a_folder_that_is_there_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out/ward-2").mkdir(parents=True)
    assert provision(tmp_path, TABLE) == 2
    assert "ward-2: is there already" in capsys.readouterr().err
    assert not (tmp_path / "out/ward-1").exists()


@pytest.mark.parametrize("name", ["../out", "a/b", "x" * 300])
def test_a_box_is_named_before_its_folder_is_made(tmp_path: Path, capsys, name: str) -> None:
    assert provision(tmp_path, f"name,broker,cameras\n\n{name},mqtt://h,hall=0\n") == 2
    said = capsys.readouterr().err
    assert "boxes.csv, line 3: device_id: " in said
    assert said.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["boxes.csv"]


@pytest.mark.parametrize(
    ("row", "refusal"),
    [
        ("x,mqtt://h,a/b=0,", "line 2: cameras.a/b: 'a/b' is not a name"),
        (f"x,mqtt://h,{'y' * 300}=0,", "a name of 300 letters"),
        ("x,mqtt://h,hall=0,a/b=s3cr3t", "line 2: camera a/b: is no camera's name"),
        ("x,mqtt://h,hall=0,s3cr3t", "line 2: camera_passwords: a part is none"),
    ],
)
def test_odd_names_of_cameras_are_one_line(tmp_path: Path, capsys, row: str, refusal: str) -> None:
    assert provision(tmp_path, f"name,broker,cameras,camera_passwords\n{row}\n") == 2
    said = capsys.readouterr().err
    assert refusal in said
    assert said.count("\n") == 1
    assert "s3cr3t" not in said


def test_nobody_else_may_read_what_is_written(tmp_path: Path) -> None:
    assert provision(tmp_path, TABLE) == 0
    assert (tmp_path / "out/ward-1").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "out/ward-1/passwords").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("coding", ["utf-16", "cp1252", "utf-8-sig"])
def test_a_table_is_read_as_spreadsheets_write_it(tmp_path: Path, coding: str) -> None:
    table = "Name\tBroker\tCameras\tBroker_Password\r\nward-1\tmqtt://u@h\thall=0\tm\xfcller\r\n"
    (tmp_path / "boxes.csv").write_bytes(table.encode(coding))
    assert main(["provision", str(tmp_path / "boxes.csv"), "--out", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out/ward-1/passwords").read_text("utf-8") == 'broker = "m\xfcller"\n'


def test_folders_among_the_common_files_are_left_out_and_a_missing_one_is_one_line(tmp_path: Path, capsys) -> None:
    (tmp_path / "common/x.pem").mkdir(parents=True)
    assert provision(tmp_path, TABLE, "--common", tmp_path / "common") == 0
    assert provision(tmp_path, TABLE.replace("ward", "room"), "--common", tmp_path / "absent") == 2
    said = capsys.readouterr().err
    assert (said.count("\n"), "absent: No such file or directory" in said) == (1, True)
