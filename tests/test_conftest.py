"""The rules for skips, tried on small suites that pytest runs by itself."""

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
