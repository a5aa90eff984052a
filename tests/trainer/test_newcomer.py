"""From a folder of own clips to a tuned bundle with the commands of the README, as somebody new would copy them.

`test_newcomer_falls` does it for falls, in a file of its own, so that two workers share the time.
"""

import json

import pytest

from edge.bundle import Bundle

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras saving on numpy 2


def test_the_readmes_commands_make_a_tuned_bundle_of_fights(newcomer, write_clip) -> None:
    here = newcomer.folder
    for number in range(24):
        lively = bool(number % 2)
        folder = here / ("my-clips" if number < 20 else "other-clips") / ("Fight" if lively else "no fight")
        write_clip(folder / f"IMG_{number:04}.avi", frames=25, lively=lively, seed=number)
    write_clip(here / "clip.avi", frames=25, lively=True).rename(here / "clip.mp4")
    newcomer.follow(newcomer.readme_commands())
    bundle = Bundle.load(here / "tuned.zip")
    assert list(bundle.spec.labels) == ["normal", "violence"]
    assert bundle.spec.networks.scene.input.stream == "motion+trail+acceleration"
    assert set(json.loads((here / "tuned-tuning.json").read_text())) == {"violence"}
