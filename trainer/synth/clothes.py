"""What people wear, and their skin and hair: shapes of clothes, and a colour for each face of a figure."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trainer.synth.body import FOREARM_M, Array, Build
from trainer.synth.figure import (
    ARM,
    FOOT,
    HEAD_TUBE,
    LEG,
    LONG_HAIR,
    TRUNK,
    Cut,
    Faces,
    Figure,
    is_hair,
)

SKINS: Final = np.array([
    (0.62, 0.42, 0.32), (0.52, 0.33, 0.23), (0.38, 0.23, 0.15), (0.22, 0.125, 0.08), (0.7, 0.5, 0.4),
])  # fmt: skip
HAIRS: Final = np.array([
    (0.02, 0.016, 0.013), (0.07, 0.04, 0.02), (0.2, 0.12, 0.06), (0.4, 0.38, 0.36), (0.04, 0.03, 0.03),
])  # fmt: skip
TOPS: Final = np.array([
    (0.75, 0.74, 0.72), (0.04, 0.045, 0.05), (0.06, 0.1, 0.24), (0.45, 0.06, 0.06), (0.1, 0.25, 0.12),
    (0.25, 0.4, 0.62), (0.3, 0.3, 0.31), (0.6, 0.45, 0.12), (0.35, 0.14, 0.3), (0.55, 0.5, 0.42), (0.1, 0.3, 0.33),
    (0.6, 0.25, 0.12),
])  # fmt: skip
TROUSERS: Final = np.array([
    (0.03, 0.03, 0.035), (0.05, 0.07, 0.14), (0.12, 0.17, 0.28), (0.2, 0.15, 0.1), (0.4, 0.34, 0.25),
    (0.14, 0.14, 0.15),
])  # fmt: skip
SHOES: Final = (0.02, 0.05, 0.1, 0.6)
FEATURES: Final = (
    (0.4, 0.05, 0.007, 0.034, 0.02),  # brows
    (0.3, 0.028, 0.008, 0.034, 0.01),  # eyes
    (0.5, -0.065, 0.008, 0.0, 0.026),  # mouth
)
"""How dark against the skin; metres over the middle of the head, half the height, aside, and half the width."""
FACE_M: Final = 0.05
"""Before the middle of the head."""
WAISTLINE_M, HEM_M, COLLAR_M, PRINT_UP_M = 0.03, -0.03, 0.5, 0.32
"""Over the pelvis."""
OPENING_M, OPENING_PER_M = 0.02, 0.09
"""Half the width of what an open jacket shows at its hem, and how that grows upward."""
FOLDS: Final = 0.09
"""By how much folds of cloth are darker and lighter."""


@dataclass(frozen=True, slots=True)
class Look:
    """Clothes and colours of a person."""

    cut: Cut
    skin: Array
    hair: Array
    top: Array
    trousers: Array
    shoes: Array
    stripes_m: float
    """Width of the top's stripes; 0: it has none."""
    second: Array
    """Colour of stripes, of a print, or of the shirt under an open jacket."""
    open_jacket: bool
    print_m: float
    """Half the width of a print on the chest; 0: there is none."""
    untucked: bool
    folds: int
    """Seed of the cloth's folds."""


def random_look(rng: np.random.Generator) -> Look:
    """Dress a person."""
    bare_arms, bare_legs = rng.random() < 0.45, rng.random() < 0.15
    cut = Cut(
        sleeves=rng.uniform(-0.55, -0.1) if bare_arms else 0.95,
        legs=rng.uniform(-0.3, 0.0) if bare_legs else 0.93,
        looseness=rng.uniform(1.05, 1.3),
        trouser_m=rng.uniform(0.045, 0.07),
        hair_m=rng.uniform(0.006, 0.022),
        long_hair=bool(rng.random() < 0.3),
        hips=rng.uniform(0.95, 1.08),
        chest_m=max(rng.normal(0.005, 0.012), 0.0),
    )
    kind = rng.random()
    return Look(
        cut,
        SKINS[rng.integers(len(SKINS))] * rng.uniform(0.85, 1.15),
        HAIRS[rng.integers(len(HAIRS))],
        _cloth(rng, TOPS),
        _cloth(rng, TROUSERS),
        np.full(3, SHOES[rng.integers(len(SHOES))]),
        rng.uniform(0.025, 0.08) if kind < 0.2 else 0.0,
        _cloth(rng, TOPS),
        bool(0.2 < kind < 0.4 and not bare_arms),
        rng.uniform(0.05, 0.1) if 0.4 < kind < 0.6 else 0.0,
        bool(rng.random() < 0.7),
        int(rng.integers(2**31)),
    )


def _cloth(rng: np.random.Generator, palette: Array) -> Array:
    return np.clip(palette[rng.integers(len(palette))] * rng.uniform(0.7, 1.4) * rng.uniform(0.9, 1.1, 3), 0.015, 0.8)


def coloured(figure: Figure, look: Look) -> Array:
    """Reflectance of each of a figure's faces, (n_faces, 3)."""
    faces = figure.faces
    found = np.empty((len(faces.kind), 3))
    found[:] = look.skin
    found[faces.kind == FOOT] = look.shoes
    found[faces.kind == LONG_HAIR] = look.hair
    found[(faces.kind == LEG) & (faces.along < look.cut.legs)] = look.trousers
    _colour_top(found, faces, look)
    _colour_head(found, faces, look)
    cloth = np.isin(faces.kind, (TRUNK, ARM, LEG))
    found[cloth] *= _folds(figure, look.folds)[cloth, np.newaxis]
    return found


def _colour_top(found: Array, faces: Faces, look: Look) -> None:
    trunk, sleeve = faces.kind == TRUNK, (faces.kind == ARM) & (faces.along < look.cut.sleeves)
    along, aside = faces.along, np.abs(faces.aside)
    front = trunk & (faces.forward > 0)
    found[trunk | sleeve] = look.top
    if look.stripes_m:
        lengths_m = np.where(sleeve, along * FOREARM_M, along)
        found[(trunk | sleeve) & (np.floor(lengths_m / look.stripes_m) % 2 == 0)] = look.second
    if look.open_jacket:
        found[front & (aside < OPENING_M + OPENING_PER_M * (along - HEM_M).clip(0))] = look.second
    if look.print_m:
        found[front & (aside < look.print_m) & (np.abs(along - PRINT_UP_M) < look.print_m)] = look.second
    found[trunk & (along < (HEM_M if look.untucked else WAISTLINE_M))] = look.trousers
    found[trunk & (along > COLLAR_M)] = look.skin


def _colour_head(found: Array, faces: Faces, look: Look) -> None:
    head, up, aside = faces.kind == HEAD_TUBE, faces.along, np.abs(faces.aside)
    front = head & (faces.forward > FACE_M)
    for dark, up_m, half_m, aside_m, reach_m in FEATURES:
        found[front & (np.abs(up - up_m) < half_m) & (np.abs(aside - aside_m) < reach_m)] = dark * look.skin
    found[head & is_hair(up, faces.forward)] = look.hair


def _folds(figure: Figure, seed: int) -> Array:
    """Factors of brightness, (n_faces,), that hang together along and around each tube."""
    rng = np.random.default_rng(seed)
    found: list[NDArray[np.float64]] = []
    for tube in figure.tubes:
        n_rings, n_corners = tube.corners.shape[:2]
        noise = rng.standard_normal((n_rings - 1, n_corners))
        around = noise + np.roll(noise, 1, 1) + np.roll(noise, (1, 1), (0, 1))
        found.append((1 + FOLDS * around / np.sqrt(3)).ravel())
    return np.concatenate(found)


def dressed(build: Build, look: Look) -> tuple[Figure, Array]:
    """A figure in its clothes, and the reflectance of its faces (n_faces, 3)."""
    figure = Figure(build, look.cut)
    return figure, coloured(figure, look)
