import numpy as np
import pytest

from converters.judge import FEATURES, Judge
from converters.pose import MAPS_JUDGE
from edge.people.decoding import MAPS


def test_features_are_judged_by_their_power():
    exact = [{"features": np.array([[3.0, 4.0]])}, {"features": np.array([[0.0, 5.0]])}]
    powers = FEATURES.powers(exact)
    assert powers == {"features": 50}
    assert FEATURES.error({"features": np.array([[3.0, 3.0]])}, exact[0], powers) == pytest.approx(1 / 50)


def test_each_output_counts_as_much_as_the_others_whatever_its_size():
    judge = Judge(("small", "large"), lambda answer, _: answer)
    exact = {"small": np.array([1.0]), "large": np.array([100.0])}
    powers = judge.powers([exact])
    assert judge.error({"small": np.array([0.9]), "large": np.array([100.0])}, exact, powers) == pytest.approx(0.01)
    assert judge.error({"small": np.array([1.0]), "large": np.array([90.0])}, exact, powers) == pytest.approx(0.01)
    assert judge.error({"large": np.array([90.0])}, exact, powers) == pytest.approx(0.01)


class TestMaps:
    """Of the pose network."""

    @pytest.fixture
    def exact(self) -> dict[str, np.ndarray]:
        """Somebody at cell 2, 3, whose nose is at 1, 3; nobody elsewhere."""
        maps = {name: np.ones((1, 8, 8, channels), np.float32) for name, channels in MAPS.items()}
        maps["centers"][:] = maps["heat"][:] = -40
        maps["centers"][0, 2, 3] = maps["heat"][0, 1, 3, 0] = 40
        return maps

    @pytest.mark.parametrize("name", list(MAPS))
    def test_only_places_where_somebody_is_count(self, exact, name):
        powers = MAPS_JUDGE.powers([exact])
        elsewhere = {name: exact[name].copy()}
        elsewhere[name][0, 5:] -= 5
        assert MAPS_JUDGE.error(elsewhere, exact, powers) < 1e-6
        there = {name: exact[name].copy()}
        there[name][0, :4, :4] -= 45
        assert MAPS_JUDGE.error(there, exact, powers) > 0.5

    def test_offsets_count_where_their_own_keypoint_is(self, exact):
        powers = MAPS_JUDGE.powers([exact])
        for keypoint, counts in ((0, True), (1, False)):
            moved = {"offsets": exact["offsets"].copy()}
            moved["offsets"][0, 1, 3, 2 * keypoint] += 1
            assert (MAPS_JUDGE.error(moved, exact, powers) > 1e-3) == counts
