"""A person's surface: around the bones, outside to the front, dressed."""

import numpy as np
import pytest

from trainer.synth.body import ANKLES, ELBOWS, HIPS, KNEES, PELVIS, SHOULDERS, WRISTS, Build
from trainer.synth.clothes import coloured, dressed, random_look
from trainer.synth.figure import ARM, HEAD_TUBE, LEG, LONG_HAIR, TRUNK, Cut, Figure
from trainer.synth.track import Track

HEIGHTS_M = (1.5, 1.75, 1.95)
FACE = np.array((1.0, 0, 0))


def standing(height_m: float = 1.75) -> np.ndarray:
    return Track(Build(height_m), np.random.default_rng(1), 1.0, np.zeros(2), 0.0).finish().joints[0]


def faces_of(figure: Figure, joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Middles and normals of faces, (n, 3) each."""
    quads = np.concatenate(figure.posed(joints, FACE))[figure.faces.vertices]
    return quads.mean(1), np.cross(quads[:, 2] - quads[:, 0], quads[:, 3] - quads[:, 1])


@pytest.mark.parametrize("height_m", HEIGHTS_M)
def test_a_figure_is_as_tall_as_its_person_and_stands_on_the_floor(height_m: float) -> None:
    places = np.concatenate(Figure(Build(height_m), Cut()).posed(standing(height_m), FACE))
    assert places[:, 2].max() == pytest.approx(height_m, abs=0.03 * height_m)
    assert places[:, 2].min() == pytest.approx(0, abs=0.02)
    width_m = np.ptp(places[:, 1])
    assert 0.4 * height_m / 1.75 < width_m < 0.75 * height_m / 1.75


def test_faces_look_away_from_the_bones() -> None:
    figure, joints = Figure(Build(), Cut()), standing()
    middles, normals = faces_of(figure, joints)
    for kind, bones in ((ARM, (SHOULDERS, ELBOWS, WRISTS)), (LEG, (HIPS, KNEES, ANKLES))):
        these = figure.faces.kind == kind
        places = joints[[row[side] for row in bones for side in (0, 1)]]
        nearest = np.linalg.norm(middles[these, np.newaxis, :2] - places[:, :2], axis=2).argmin(1)
        outward = ((middles[these] - places[nearest])[:, :2] * normals[these, :2]).sum(1) > 0
        assert outward.mean() > 0.85, kind
    trunk = (figure.faces.kind == TRUNK) | (figure.faces.kind == HEAD_TUBE)
    out = ((middles - joints[PELVIS])[:, :2] * normals[:, :2]).sum(1)[trunk] > 0
    assert out.mean() > 0.9  # nose and jaw have undersides


def test_limbs_surround_their_bones_when_bent() -> None:
    joints = standing()
    joints[KNEES] = joints[HIPS] + np.array((0.43, 0, 0))
    joints[ANKLES] = joints[KNEES] - np.array((0, 0, 0.42))
    figure = Figure(Build(), Cut())
    middles, _ = faces_of(figure, joints)
    for side in (0, 1):
        tube = next(n for n, tube in enumerate(figure.tubes) if (tube.kind, tube.side) == (LEG, side))
        shin = middles[(figure.faces.tube == tube) & (figure.faces.along > 0.3)]
        away = np.linalg.norm((shin - joints[KNEES[side]])[:, :2], axis=1)
        assert away.max() < 0.1
        thigh = middles[(figure.faces.tube == tube) & (np.abs(figure.faces.along + 0.5) < 0.2)]
        assert np.abs(thigh[:, 2] - joints[HIPS[side], 2]).max() < 0.12


def test_looks_differ_and_clothe() -> None:
    looks = [random_look(np.random.default_rng(seed)) for seed in range(40)]
    assert {look.cut.long_hair for look in looks} == {True, False}
    assert {look.cut.sleeves > 0 for look in looks} == {True, False}
    for look in looks[:6]:
        figure, colours = dressed(Build(), look)
        assert colours.shape == (len(figure.faces.kind), 3)
        assert (colours > 0).all()
        assert (LONG_HAIR in figure.faces.kind) == look.cut.long_hair
        wrists = (figure.faces.kind == ARM) & (figure.faces.along > 0.96)
        assert np.allclose(coloured(figure, look)[wrists] / look.skin, 1, atol=0.4)
