"""What all tests share: where real footage lies, a GPU in software, quiet libraries, no silent skips in continuous
integration, and how long each file takes: the longest begin first, so that all workers end together, and
`-m "not slow"` leaves them out."""

import collections
import ctypes.util
import json
import os
from collections.abc import Generator
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parent.parent
SWIFTSHADER = Path("/usr/lib/chromium/vk_swiftshader_icd.json")
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
DURATIONS = Path(__file__).with_name("durations.json")
"""Seconds by file, where they are a second or more; `--record-durations` writes those of the files that it ran."""
SLOW_S = 6
"""A file that takes longer is `slow`."""
MISSING_PACKAGE = ("not installed", "could not import", "no module named")

# Read by the libraries when they are first imported, which is after this file. Tests run in as many workers as
# there are cores, so each keeps to one thread.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # otherwise announced at every import
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")  # the same figures with and without a GPU
for variable in ONE_THREAD:
    os.environ.setdefault(variable, "1")

# Two workers on two cores make wall time meaningless as a limit; a failure in CI comes again at the next run.
hypothesis.settings.register_profile("edgewatch", deadline=None, derandomize=os.environ.get("CI") == "true")
hypothesis.settings.load_profile("edgewatch")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Real footage, which is not in the repository: `EDGEWATCH_DATA`, or `../shared/data` beside the checkout."""
    return _beside_checkout("EDGEWATCH_DATA", "data")


@pytest.fixture(scope="session")
def cases_dir() -> Path:
    """Inputs of awkward kinds: `EDGEWATCH_CASES`, or `../shared/cases` beside the checkout."""
    return _beside_checkout("EDGEWATCH_CASES", "cases")


@pytest.fixture(scope="session")
def weights_dir() -> Path:
    """ImageNet weights: `EDGEWATCH_WEIGHTS`, or `../shared/weights` beside the checkout."""
    return _beside_checkout("EDGEWATCH_WEIGHTS", "weights")


@pytest.fixture
def software_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """SwiftShader, a Vulkan device that is the processor, as the only one."""
    pytest.importorskip("ai_edge_litert.compiled_model", reason="tflite-runtime has nothing for GPUs")
    if not SWIFTSHADER.is_file() or ctypes.util.find_library("vulkan") is None:
        pytest.skip("SwiftShader is not installed (Debian packages chromium and libvulkan1)")
    monkeypatch.setenv("VK_DRIVER_FILES", str(SWIFTSHADER))


def _beside_checkout(variable: str, name: str) -> Path:
    path = Path(os.environ.get(variable, ROOT.parent / "shared" / name))
    if not path.is_dir():
        pytest.skip(f"no {name} at {path}; set {variable} to where it lies")
    return path


def _refused(reason: str) -> str | None:
    """Why a skip with this reason fails in continuous integration, or None."""
    if os.environ.get("CI") != "true":
        return None
    if any(phrase in reason.lower() for phrase in MISSING_PACKAGE):
        return f"skipped for a missing package, which CI=true refuses: {reason}"
    return None


def _reason(longrepr: object) -> str:
    """The reason of a skip: pytest keeps (path, line, message)."""
    message = longrepr[2] if isinstance(longrepr, tuple) else str(longrepr)
    return str(message).removeprefix("Skipped").removeprefix(":").strip()


def _check_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.outcome != "skipped" or hasattr(report, "wasxfail"):
        return
    reason = _reason(report.longrepr)
    refusal = _refused(reason) if reason and reason != "unconditional skip" else "skipped without a reason"
    if refusal is not None:
        report.outcome = "failed"
        report.longrepr = refusal


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _check_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _check_skip(report)
    return report


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record-durations", action="store_true", help=f"write seconds by file to tests/{DURATIONS.name}")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"slow: in a file that takes over {SLOW_S} s, as tests/{DURATIONS.name} says")
    if config.getoption("record_durations") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Recorder(config.rootpath))


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    recorded = recorded_durations()

    def seconds(item: pytest.Item) -> float:
        return recorded.get(item.nodeid.partition("::")[0], 0)

    for item in items:
        if seconds(item) > SLOW_S:
            item.add_marker("slow")
    if hasattr(config, "workerinput"):  # of several workers; one alone may as well keep to the order of the folders
        items.sort(key=seconds, reverse=True)


def recorded_durations() -> dict[str, float]:
    return json.loads(DURATIONS.read_text()) if DURATIONS.is_file() else {}


class Recorder:
    """Adds up what each file's tests took, in the process that hears of all of them."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._seconds: dict[str, float] = collections.defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[report.nodeid.partition("::")[0]] += report.duration

    def pytest_sessionfinish(self) -> None:
        """Files that are gone are forgotten, others that did not run are kept."""
        found = {file: seconds for file, seconds in recorded_durations().items() if (self._root / file).is_file()}
        found |= self._seconds
        kept = {file: round(seconds) for file, seconds in sorted(found.items()) if round(seconds) >= 1}
        DURATIONS.write_text(json.dumps(kept, indent=1) + "\n")
