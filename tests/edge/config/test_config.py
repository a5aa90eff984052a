"""The configuration file: what is taken, and how each mistake is named."""

import re
from pathlib import Path

import pytest

from edge import config
from edge.bundle import AlertSpec, BundleSpec
from edge.config import AlertOverride, CameraConfig, alert_specs, broker_password, camera_password, load, parse
from edge.config.passwords import secret
from edge.config.salvage import salvage
from edge.errors import ConfigurationError
from tests.manifests import manifest

WHOLE = """
device_id = "corridor-2"
state_dir = "state"
bundle = "model.zip"
threads = 2

[broker]
url = "mqtts://box%40home@broker.example"
version = "5"
keepalive_s = 60
ca_file = "ca.pem"

[outbox]
max_events = 100

[cameras.hall]
source = "/dev/video0"

[cameras.stairs]
source = "clips/stairs.mp4"
realtime = false

[cameras.stairs.alerts.fall]
onset_threshold = 0.8
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "edgewatch.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(tmp_path: Path, text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(written(tmp_path, text))
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{tmp_path}/edgewatch.toml: ")
    return message.removeprefix(f"{tmp_path}/edgewatch.toml: ")


def test_a_whole_file(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    read = load(written(tmp_path, WHOLE))
    assert read.device_id == "corridor-2"
    assert read.state_dir == tmp_path / "state"
    assert read.bundle == tmp_path / "model.zip"
    assert read.broker is not None
    assert (read.broker.host, read.broker.port, read.broker.username) == ("broker.example", 8883, "box@home")
    assert read.broker.address == "mqtts://broker.example:8883"
    assert read.broker.ca_file == tmp_path / "ca.pem"
    assert read.cameras["hall"].source == "/dev/video0"
    assert read.cameras["stairs"].source == str(tmp_path / "clips" / "stairs.mp4")
    assert read.outbox.max_events == 100


def test_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "Pi 4.Kitchen")
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    read = load(written(tmp_path, ""))
    assert read.device_id == "pi-4-kitchen"
    assert read.state_dir is None
    assert read.cameras == {}
    assert read.broker is None


def test_what_a_camera_says_of_people_by_default() -> None:
    camera = parse({"cameras": {"hall": {"source": "0"}}}, "x").cameras["hall"]
    assert (camera.publish_people, camera.figures, camera.found_down_s) == (True, True, 20.0)
    assert not camera.finds_down
    assert parse({"cameras": {"hall": {"source": "0", "rest_zones": []}}}, "x").cameras["hall"].finds_down


def test_the_state_directory_is_systemds_unless_the_file_names_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/edgewatch:/var/lib/other")
    assert parse({}, "x").state_dir == Path("/var/lib/edgewatch")
    assert parse({"state_dir": "/srv"}, "x").state_dir == Path("/srv")


def test_a_byte_order_mark_and_windows_line_ends_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "edgewatch.toml"
    path.write_bytes("\ufeffdevice_id = 'a'\r\n[cameras.hall]\r\nsource = '0'\r\n".encode())
    assert load(path).cameras["hall"].source == "0"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("devise_id = 'x'", "devise_id: unknown key; did you mean 'device_id'?"),
        ("[broker]\nurl = 'mqtt://h'\nkeepalive = 3", "broker.keepalive: unknown key; did you mean 'keepalive_s'?"),
        ("[cameras.hall]\nsorce = '0'", "cameras.hall.sorce: unknown key; did you mean 'source'?"),
        (
            "[cameras.hall]\nsource = '0'\n[cameras.hall.alerts.fall]\nonset_treshold = 0.5",
            "cameras.hall.alerts.fall.onset_treshold: unknown key; did you mean 'onset_threshold'?",
        ),
        (
            "[cameras.hall]\nsource = 'rtsp://admin:hunter2@192.0.2.1/ch1'",
            "cameras.hall.source: holds a password; remove it and set EDGEWATCH_CAMERA_<NAME>_PASSWORD",
        ),
        (
            "[cameras.hall]\nsource = 'rtsp://'",
            "cameras.hall.source: not the address of a network camera; write rtsp://user@host:port/path",
        ),
        (
            "[cameras.hall]\nsource = '0'\nstill_down_s = 1",
            "cameras.hall.still_down_s: Input should be greater than or equal to 5",
        ),
        ("[outbox]\nzzz = 1", "outbox.zzz: unknown key; known are max_events, max_bytes"),
        ("[cameras.hall]", "cameras.hall.source: Field required"),
        ("threads = 'two'", "threads: Input should be a valid integer, unable to parse string as an integer"),
        ("cameras = 3", "cameras: Input should be a valid dictionary"),
        ("device_id = 'Hall'", "device_id: 'Hall' is not a name; use only a-z, 0-9, _ and -"),
        ("[cameras.Hall]\nsource = '0'", "cameras.Hall: 'Hall' is not a name; use only a-z, 0-9, _ and -"),
        (
            "[broker]\nurl = 'http://h'",
            "broker.url: is not a broker's URL; write mqtt://user@host:port, or mqtts:// for TLS",
        ),
        ("[broker]\nurl = 'mqtt://h:99999'", "broker.url: is not a broker's URL; write mqtt://user@host:port"),
        ("[broker]\nurl = 'mqtt://h/topic'", "broker.url: goes on after the port; write mqtt://user@host:port"),
        (
            "[broker]\nurl = 'mqtt://u:hunter2@h'",
            "broker.url: holds a password; remove it and set EDGEWATCH_MQTT_PASSWORD",
        ),
        (
            "[broker]\nurl = 'mqtt://h'\nca_file = 'x'",
            "broker: ca_file and client_cert_file need an url that begins with mqtts://",
        ),
        (
            "[broker]\nurl = 'mqtts://h'\nclient_key_file = 'x'",
            "broker: client_cert_file and client_key_file go together; give both or neither",
        ),
    ],
)
def test_a_mistake_is_named_by_its_key(tmp_path: Path, text: str, message: str) -> None:
    assert refusal(tmp_path, text) == message


@pytest.mark.parametrize("name", ["events", "stats", "availability"])
def test_names_of_the_contract_cannot_name_a_camera(tmp_path: Path, name: str) -> None:
    assert f"'{name}' is a topic of the MQTT contract" in refusal(tmp_path, f"[cameras.{name}]\nsource = '0'")


def test_a_certificate_that_is_not_there_is_named(tmp_path: Path) -> None:
    message = refusal(tmp_path, "[broker]\nurl = 'mqtts://h'\nca_file = 'no.pem'")
    assert message == f"broker: ca_file: {tmp_path}/no.pem is not a file; correct the path"


def test_broken_toml_is_named_with_its_line(tmp_path: Path) -> None:
    message = refusal(tmp_path, "device_id = 'a'\nthreads = = 2\n")
    assert re.search(r"not TOML: .*line 2", message)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        load(tmp_path / "absent.toml")
    (tmp_path / "latin.toml").write_bytes(b"device_id = '\xe9'")
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        load(tmp_path / "latin.toml")


def test_a_password_never_stands_in_a_message(tmp_path: Path) -> None:
    for url in ("mqtt://u:hunter2@h", "mqtt://u:hunter2@h/x", "http://u:hunter2@h", "mqtt://u:hunter2@h:x"):
        assert "hunter2" not in refusal(tmp_path, f"[broker]\nurl = '{url}'")


def test_the_password_comes_from_the_environment_or_the_credentials_directory(tmp_path: Path) -> None:
    assert broker_password({}) is None
    assert broker_password({"CREDENTIALS_DIRECTORY": str(tmp_path)}) is None
    (tmp_path / "edgewatch_mqtt-password").write_text("from a folder of credentials\n", encoding="utf-8")
    assert broker_password({"CREDENTIALS_DIRECTORY": str(tmp_path)}) == "from a folder of credentials"
    (tmp_path / "mqtt-password").write_text("from systemd \n", encoding="utf-8")
    assert broker_password({"CREDENTIALS_DIRECTORY": str(tmp_path)}) == "from systemd "
    both = {"CREDENTIALS_DIRECTORY": str(tmp_path), "EDGEWATCH_MQTT_PASSWORD": "from the environment"}
    assert broker_password(both) == "from the environment"


def test_a_cameras_password_comes_the_same_way(tmp_path: Path) -> None:
    assert camera_password("back-door", {}) is None
    (tmp_path / "camera-back-door-password").write_text("from systemd\n", encoding="utf-8")
    both = {"CREDENTIALS_DIRECTORY": str(tmp_path), "EDGEWATCH_CAMERA_BACK_DOOR_PASSWORD": "from the environment"}
    assert camera_password("back-door", both) == "from the environment"
    assert camera_password("back-door", {"CREDENTIALS_DIRECTORY": str(tmp_path)}) == "from systemd"
    assert camera_password("hall", both) is None


def test_an_empty_password_is_one_and_an_empty_secret_is_none(tmp_path: Path) -> None:
    given = {"EDGEWATCH_MQTT_PASSWORD": "", "EDGEWATCH_CAMERA_HALL_PASSWORD": "", "EDGEWATCH_PAGE": ""}
    assert (broker_password(given), camera_password("hall", given)) == ("", "")
    assert secret("EDGEWATCH_PAGE", "page", given) is None
    (tmp_path / "mqtt-password").write_text("\n")
    assert broker_password({"CREDENTIALS_DIRECTORY": str(tmp_path)}) == ""


@pytest.mark.parametrize("coding", ["utf-8-sig", "utf-16"])
def test_credentials_are_read_as_windows_writes_them(tmp_path: Path, coding: str) -> None:
    (tmp_path / "mqtt-password").write_bytes("m\u00fcller\r\n".encode(coding))
    assert broker_password({"CREDENTIALS_DIRECTORY": str(tmp_path)}) == "m\u00fcller"


def test_cameras_do_not_share_a_password_s_variable(tmp_path: Path) -> None:
    local = "[cameras.a-b]\nsource = '0'\n[cameras.a_b]\nsource = '1'\n"
    assert list(load(written(tmp_path, local)).cameras) == ["a-b", "a_b"]
    network = "[cameras.a-b]\nsource = 'rtsp://u@h/1'\n[cameras.a_b]\nsource = 'rtsp://u@h/2'\n"
    assert refusal(tmp_path, network) == (
        "cameras: 'a-b' and 'a_b' share EDGEWATCH_CAMERA_A_B_PASSWORD; rename one of them"
    )


def test_blanks_around_an_address_are_no_part_of_it(tmp_path: Path) -> None:
    text = "[broker]\nurl = ' mqtt://u@h:1884 '\n[cameras.hall]\nsource = 'rtsp://u@h/1 \t'\n"
    read = load(written(tmp_path, text))
    assert read.broker is not None
    assert (read.broker.host, read.broker.port, read.broker.address) == ("h", 1884, "mqtt://h:1884")
    assert read.cameras["hall"].source == "rtsp://u@h/1"


@pytest.mark.parametrize("text", [f"device_id = '{'x' * 300}'", f"[cameras.{'x' * 300}]\nsource = '0'"])
def test_names_are_no_longer_than_a_file_s_may_be(tmp_path: Path, text: str) -> None:
    assert refusal(tmp_path, text).endswith("a name of 300 letters; give one of at most 100")


def test_what_no_path_can_hold_is_no_source(tmp_path: Path) -> None:
    assert refusal(tmp_path, '[cameras.hall]\nsource = "a\\u0000b"') == (
        "cameras.hall.source: give a text: where the pictures come from"
    )


def test_names_and_numbers_that_are_too_long_are_one_line(tmp_path: Path) -> None:
    assert "ca_file: " in refusal(tmp_path, f"[broker]\nurl = 'mqtts://h'\nca_file = '{'x' * 300}'")
    assert "not TOML" in refusal(tmp_path, f"threads = {'9' * 5000}")


def test_brackets_without_end_are_one_line(tmp_path: Path) -> None:
    assert "brackets within brackets" in refusal(tmp_path, "masks = " + "[" * 100_000)


@pytest.fixture
def bundle_spec() -> BundleSpec:
    alerts = {"fall": {"onset_threshold": 0.6, "offset_threshold": 0.3}, "violence": {}}
    return BundleSpec.model_validate(manifest({"frame.tflite": b""}, alerts=alerts))


def test_overrides_lie_over_the_bundles_defaults(bundle_spec: BundleSpec) -> None:
    camera = CameraConfig(source="0", alerts={"fall": AlertOverride(onset_threshold=0.9)})
    specs = alert_specs("hall", camera, bundle_spec)
    assert specs["fall"] == AlertSpec(onset_threshold=0.9, offset_threshold=0.3)
    assert specs["violence"] == AlertSpec()


def test_overrides_that_do_not_fit_the_bundle(bundle_spec: BundleSpec) -> None:
    unknown = CameraConfig(source="0", alerts={"normal": AlertOverride()})
    with pytest.raises(
        ConfigurationError, match=r"^cameras\.hall\.alerts\.normal: labels that alert .* fall, violence$"
    ):
        alert_specs("hall", unknown, bundle_spec)
    contradiction = CameraConfig(source="0", alerts={"fall": AlertOverride(onset_threshold=0.2)})
    with pytest.raises(ConfigurationError, match=r"^cameras\.hall\.alerts\.fall: offset_threshold 0\.3 is over"):
        alert_specs("hall", contradiction, bundle_spec)


def test_every_setting_of_an_alert_can_be_overridden() -> None:
    assert set(AlertOverride.model_fields) == set(AlertSpec.model_fields)


def test_the_modules_example_is_a_configuration(tmp_path: Path) -> None:
    assert config.__doc__ is not None
    example = "".join(line[4:] + "\n" for line in config.__doc__.splitlines() if line.startswith("    "))
    (tmp_path / "ca.pem").touch()
    assert load(written(tmp_path, example)).cameras["hall"].alerts["fall"].onset_threshold == 0.8


def test_a_broken_file_still_names_its_broker(tmp_path: Path) -> None:
    path = tmp_path / "edgewatch.toml"
    path.write_bytes(
        b'\xef\xbb\xbfdevice_id = "attic"\r\nthreads = many\r\n'
        b'[broker]\r\nurl = "mqtt://h"\r\n[cameras.hall]\r\nsource = \r\n'
    )
    config = salvage(path)
    assert (config.device_id, config.broker and config.broker.host, config.cameras) == ("attic", "h", {})


def test_a_broken_broker_cannot_be_told(tmp_path: Path) -> None:
    path = tmp_path / "edgewatch.toml"
    path.write_text("[broker]\nurl = mqtt://h\n")
    assert salvage(path).broker is None
    path.write_text("[broker]\nurl = 'http://h'\n")
    with pytest.raises(ConfigurationError, match=r"broker\.url"):
        salvage(path)


def test_backends_in_their_order(tmp_path: Path) -> None:
    read = load(written(tmp_path, 'backends = ["edgetpu", "gpu"]\n[edgetpu]\ndevice = "usb"\n'))
    assert read.backends == ("edgetpu", "gpu")
    assert (read.edgetpu.library, read.edgetpu.device) == ("libedgetpu.so.1", "usb")
    assert load(written(tmp_path, "")).backends == ("cpu",)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ('["cpu", "gpu"]', "backends: what comes after cpu, which works everywhere, is never tried; put cpu last"),
        ('["gpu", "gpu"]', "backends: a backend is named twice"),
        ('["tpu"]', "backends.0: Input should be 'cpu', 'gpu' or 'edgetpu'"),
        ("[]", "backends: Tuple should have at least 1 item after validation, not 0"),
    ],
)
def test_backends_that_make_no_order_are_refused(tmp_path: Path, value: str, message: str) -> None:
    assert refusal(tmp_path, f"backends = {value}") == message
