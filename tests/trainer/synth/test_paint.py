"""Rooms and people on the screen: perspective, occlusion, shadows."""

import cv2
import numpy as np
import pytest

from trainer.synth.body import ANKLES, HEAD, Build
from trainer.synth.clothes import dressed, random_look
from trainer.synth.furnish import random_room
from trainer.synth.paint import Light, Performer, cast_shadows, paint, tone
from trainer.synth.room import Box, Camera, Room, draw_room
from trainer.synth.track import Track

SIZE = (120, 160)
GREY = np.full(3, 0.5)


@pytest.fixture
def camera():
    """Looks along y from (0, 0, 1)."""
    return Camera.looking(np.array((0, 0, 1.0)), np.array((0, 4.0, 1.0)), 0.0, 100.0, SIZE)


@pytest.fixture
def room():
    return Room(6, 6, 3, (GREY, "plain"), (GREY, "plain"), lamps=[(np.array((0, 3, 2.8)), 0.5)])


@pytest.fixture
def light():
    return Light(np.array((0, 0, 1.0)), 0.6, 1.0, np.ones(3))


def joints_at(x, y, seed=0):
    return Track(Build(), np.random.default_rng(seed), 1.0, np.array((x, y)), 0.0).finish().joints[0]


def performer(x, y, seed=0, face=(1.0, 0, 0)):
    look = random_look(np.random.default_rng(seed))
    figure, colours = dressed(Build(), look)
    return Performer(figure, colours, figure.posed(joints_at(x, y, seed), np.array(face)))


def test_a_camera_projects_like_a_pinhole(camera):
    # 1 m right and 0.5 m up at 4 m, focal length 100 px: 25 px right, 12.5 px up of the centre.
    assert camera.project(np.array((1.0, 4.0, 1.5))) == pytest.approx([105, 47.5, 4.0])


def test_rays_come_back_to_their_pixels(camera):
    rays = camera.rays()
    x, y, depth = camera.project(camera.place + 3.0 * rays[20, 50])
    assert (x, y, depth) == pytest.approx((50.5, 20.5, 3.0))


def test_the_back_wall_and_floor_lie_where_they_are(room, camera):
    backdrop = draw_room(room, camera)
    assert backdrop.depth[60, 80] == pytest.approx(6.0), "the wall at 6 m"
    assert backdrop.floor[119, 80] == 1
    assert backdrop.floor[60, 80] == 0
    # The lowest row looks 59.5 px under the centre: the floor, 1 m below, is met after 100 / 59.5 m.
    assert backdrop.depth[119, 80] == pytest.approx(100 / 59.5, rel=1e-4)


def test_furniture_stands_before_the_wall(room, camera):
    room.boxes = [Box((0, 3.0, 1.0), (0.5, 0.5, 1.0), 0.0, GREY)]
    backdrop = draw_room(room, camera)
    assert backdrop.depth[60, 80] == pytest.approx(2.5), "the near face"
    assert backdrop.depth[60, 10] > 3


def test_people_are_painted_where_their_joints_are(room, camera, light):
    backdrop = draw_room(room, camera)
    empty = tone(backdrop.picture)
    frame = empty.copy()
    paint(frame, backdrop, camera, [performer(0.5, 3.0)], light)
    changed = (frame != empty).any(-1)
    joints = camera.project(joints_at(0.5, 3.0))
    assert changed[int(joints[HEAD, 1]), int(joints[HEAD, 0])]
    rows, columns = np.nonzero(changed)
    assert rows.max() == pytest.approx(joints[ANKLES, 1].max(), abs=4)
    assert columns.min() > joints[:, 0].min() - 8


def test_furniture_hides_people(room, camera, light):
    room.boxes = [Box((0, 2.0, 1.25), (1.5, 0.2, 1.25), 0.0, GREY)]
    backdrop = draw_room(room, camera)
    frame = tone(backdrop.picture)
    before = frame.copy()
    paint(frame, backdrop, camera, [performer(0.0, 4.0)], light)
    assert np.array_equal(frame, before)


def test_the_nearer_person_hides_the_other(room, camera, light):
    backdrop = draw_room(room, camera)
    near, far = performer(0.0, 2.5, 1), performer(0.0, 4.0, 2)
    alone, both, reversed_order = (tone(backdrop.picture) for _ in range(3))
    paint(alone, backdrop, camera, [near], light)
    paint(both, backdrop, camera, [near, far], light)
    paint(reversed_order, backdrop, camera, [far, near], light)
    changed = (alone != tone(backdrop.picture)).any(-1)
    covered = cv2.erode(changed.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0  # what is behind shines through edges
    assert covered.sum() > 100
    assert np.array_equal(both[covered], alone[covered])
    assert np.array_equal(both, reversed_order)


def test_a_shadow_lies_on_the_floor_beneath(room, camera, light):
    backdrop = draw_room(room, camera)
    person = performer(0.0, 3.0)
    shadow = cast_shadows(backdrop, camera, [person], light)
    x, y, _ = camera.project(np.array((0.0, 3.0, 0.0)))
    assert shadow[int(y), int(x)] > 0
    assert shadow[backdrop.floor == 0].max() == 0


@pytest.mark.parametrize("bed", [True, False])
def test_rooms_differ_and_are_lit(bed):
    camera = Camera.looking(np.array((0, 0.1, 2.0)), np.array((0, 3.0, 0.8)), 0.0, 120.0, SIZE)
    rooms = [random_room(np.random.default_rng(seed), bed) for seed in (1, 2)]
    pictures = [tone(draw_room(room, camera).picture) for room in rooms]
    assert not np.array_equal(pictures[0], pictures[1])
    for picture in pictures:
        assert 40 < picture.mean() < 230


def test_hair_covers_the_back_of_the_head_only(room, camera, light):
    backdrop = draw_room(room, camera)
    look = random_look(np.random.default_rng(4))
    seen = []
    for face in ((0, -1.0, 0), (0, 1.0, 0)):  # towards the camera, and away
        frame = tone(backdrop.picture)
        paint(frame, backdrop, camera, [performer(0.0, 2.0, 4, face)], light)
        x, y, _ = camera.project(joints_at(0.0, 2.0, 4)[HEAD])
        seen.append(frame[int(y) + 1, int(x)].astype(int).sum())
    assert (seen[0] > seen[1]) == (look.skin.sum() > look.hair.sum())


def test_edges_of_people_are_soft(room, camera, light):
    backdrop = draw_room(room, camera)
    frame, empty = tone(backdrop.picture), tone(backdrop.picture)
    figure, _ = dressed(Build(), random_look(np.random.default_rng(1)))
    white = np.full((len(figure.faces.kind), 3), 5.0)
    posed = figure.posed(joints_at(0.0, 3.0), np.array((1.0, 0, 0)))
    paint(frame, backdrop, camera, [Performer(figure, white, posed)], light)
    changed = frame[(frame != empty).any(-1)]
    between = (changed < 250).any(-1).mean()
    assert 0.05 < between < 0.6, "neither wall nor body"
