"""The README's commands on clips of falls alone, as in `test_newcomer`."""

import pytest

from edge.bundle import Bundle

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras saving on numpy 2


def test_the_same_commands_learn_falls_alone(newcomer, write_clip) -> None:
    for number in range(12):
        falls = bool(number % 2)
        folder = newcomer.folder / "my-clips" / ("fall" if falls else "normal")
        write_clip(folder / f"{number}.avi", frames=25, lively=falls, seed=number)
    check, train, *_ = newcomer.readme_commands()
    newcomer.follow([check, train])
    spec = Bundle.load(newcomer.folder / "runs" / "mine" / "bundles" / "float32").spec  # that training judged
    assert list(spec.labels) == ["normal", "fall"]
    assert set(spec.alerts) == {"fall"}
    assert spec.networks.scene.input.stream == "motion"
