"""The rules for skips and for how long files take, tried on small suites that pytest runs by itself."""

import json
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

CONFTEST = Path(__file__).parent / "conftest.py"


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.delenv("CI", raising=False)
    pytester.makeconftest(CONFTEST.read_text())
    return pytester


def outcomes(suite: pytest.Pytester) -> dict[str, int]:
    return suite.runpytest_inprocess("-p", "no:cacheprovider").parseoutcomes()


def test_missing_package_is_skipped_at_a_desk(suite: pytest.Pytester) -> None:
    suite.makepyfile("import pytest\ndef test_it(): pytest.importorskip('no_such_package')")
    assert outcomes(suite) == {"skipped": 1}


def test_missing_package_fails_in_ci(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    suite.makepyfile("import pytest\ndef test_it(): pytest.importorskip('no_such_package')")
    assert outcomes(suite) == {"failed": 1}


def test_module_that_skips_itself_fails_in_ci(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    suite.makepyfile("import pytest\npytest.importorskip('no_such_package')\ndef test_it(): pass")
    assert outcomes(suite) == {"errors": 1}


def test_missing_program_fails_in_ci(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    suite.makepyfile("import pytest\n@pytest.mark.skip('mosquitto is not installed')\ndef test_it(): pass")
    assert outcomes(suite) == {"errors": 1}


def test_absent_footage_is_skipped_in_ci(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("EDGEWATCH_DATA", str(suite.path / "nowhere"))
    suite.makepyfile("def test_it(data_dir): pass")
    assert outcomes(suite) == {"skipped": 1}


def test_skip_without_a_reason_fails_everywhere(suite: pytest.Pytester) -> None:
    suite.makepyfile("import pytest\n@pytest.mark.skip\ndef test_it(): pass")
    assert outcomes(suite) == {"errors": 1}


@pytest.fixture
def of_three_lengths(suite: pytest.Pytester) -> pytest.Pytester:
    """A file that takes a minute, one of two seconds and one that nobody has timed, and one that is gone."""
    (suite.path / "durations.json").write_text('{"test_c.py": 60, "test_b.py": 2, "test_gone.py": 9}')
    suite.makepyfile(**dict.fromkeys(("test_a", "test_b", "test_c"), "def test_it(): pass"))
    return suite


def test_files_that_take_long_can_be_left_out(of_three_lengths: pytest.Pytester) -> None:
    left = of_three_lengths.runpytest_inprocess("-p", "no:cacheprovider", "-m", "not slow").parseoutcomes()
    assert left == {"passed": 2, "deselected": 1}


def test_workers_begin_with_the_longest_file(of_three_lengths: pytest.Pytester) -> None:
    options = ("-n", "1", "--dist", "loadfile", "--no-loadscope-reorder", "-v")
    lines = of_three_lengths.runpytest_inprocess("-p", "no:cacheprovider", *options).outlines
    ran = [line.split()[-1] for line in lines if " PASSED " in line]
    assert ran == ["test_c.py::test_it", "test_b.py::test_it", "test_a.py::test_it"]


def test_durations_of_files_that_ran_are_recorded(of_three_lengths: pytest.Pytester) -> None:
    of_three_lengths.syspathinsert()
    of_three_lengths.makepyfile(
        lasting="import pytest\n@pytest.hookimpl(wrapper=True)\ndef pytest_runtest_makereport():\n"
        " report = yield\n report.duration = 0.25 if report.nodeid.startswith('test_b') else 1.5\n return report\n"
    )
    options = ("-p", "lasting", "--record-durations", "test_a.py", "test_b.py")
    of_three_lengths.runpytest_inprocess("-p", "no:cacheprovider", *options).assert_outcomes(passed=2)
    recorded = json.loads((of_three_lengths.path / "durations.json").read_text())
    assert recorded == {"test_a.py": 4, "test_b.py": 1, "test_c.py": 60}, "setup, call and teardown are added up"
