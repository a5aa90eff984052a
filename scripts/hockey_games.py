"""Which clips of `hockey-fights` are of one game, found by scoreboard and rink, and five folds that keep games whole.

PYTHONPATH=.:scripts python scripts/hockey_games.py DATA/hockey-fights trainer/clips/folds/hockey-fights-games.csv

The set does not say it, but clips were cut from the games one after the other. Their order is cut into fewer runs than
there are games, where colours change most (Ward's clustering of neighbours). Runs are joined again where the cut is not
clear, and where clips of both show one scoreboard, wherever they stand. A group may so hold several games, which costs
little; a game in two groups would leak.

Seen by eye: a frame of every clip, so both sides of every cut, and the first frame of every fight. There are about 39
games, eight of them with clips without fights; the 25 groups hold 6 to 143 clips (median 24), and no game was found in
two of them. Five clips stand among those of another game, four of which are in `STRAYS` and one is the only one of its
game; another game, shown by two stations, is in `ONE_GAME`. Of 60 random pairs within groups 39 were of one game; of 60
random pairs across groups, and of the 60 most alike in colour (at most two of the same two groups), none was. The
limits below were chosen while looking at this set.
"""

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, eye_array
from scipy.sparse.csgraph import connected_components
from sklearn.cluster import AgglomerativeClustering
from sklearn.covariance import ShrunkCovariance
from sklearn.decomposition import PCA

from edge.bundle import InputSpec
from trainer.clips.choosing import chosen_samples
from trainer.clips.datasets import read_dataset
from trainer.clips.datasets.folders import NAME_MAP_NAME
from trainer.clips.manifest import Clip, read_rows
from trainer.clips.splits import assign_folds, write_folds

SPEC, CHOICE = InputSpec(height_px=288, width_px=360), "evenly-8"
INSIDE = np.s_[:, 45:243, 15:345]
"""Of frames: the picture within its black borders, which are nearly the same in all clips."""
BOARD = np.s_[:, 6:50, 6:-6]
"""Of pictures: where scoreboards lie. Their foot bears the mark of the site that many fights come from."""
COLOUR_BINS, COLOUR_RANGES = [6, 16, 16], [0, 256, 64, 192, 64, 192]
"""Lightness, green to red, blue to yellow."""
MIN_EDGE, MAX_SPREAD = 12.0, 5.0
"""Grey levels a pixel, and standard deviation over a clip's frames, of what a scoreboard is drawn with."""
GREY_STEP, MAX_STEPS = 20, 32
MIN_BOARD_PX = 300
"""A scoreboard with fewer pixels, perhaps only a station's mark, counts as one with so many."""
N_COMPONENTS = 80
N_RUNS = 30
"""Fewer than there are games, so that nearly all cuts are between two of them."""
USUAL_STEPS = 0.9
"""Share of the steps from clip to clip that surely stay within a game."""
MAX_NEARNESS = 0.85
"""Squared distance of a clip beside a cut to its own run, over that to the other; more, and the cut is unclear."""
MIN_SHARE, MIN_CLIPS = 0.55, 2
"""Of the smaller scoreboard that two clips have in common, and of either run with such a one; one may be a stray."""
STRAYS = {
    "fight/(83).mp4": "fight/(224).mp4",
    "fight/(84).mp4": "fight/(224).mp4",
    "fight/(293).mp4": "fight/(13).mp4",
    "nofight/(93).mp4": "nofight/(101).mp4",
}
"""Clips among those of another game, found by eye, and one of the game that each is or may be of."""
ONE_GAME = (("fight/(327).mp4", "fight/(414).mp4"),)
"""Clips of one game or perhaps of one, whose runs do not look alike: two stations showed it."""
N_FOLDS, SEED = 5, 0


@dataclass(frozen=True, slots=True)
class Look:
    """What tells the game of a clip."""

    colours: NDArray[np.float32]
    """Square roots of the shares of its pixels, (n_bins,): ice, boards, jerseys."""
    board: NDArray[np.int64]
    """The pixels with edges that stay as they are, where scoreboards lie, each with its grey level: twice, in steps
    that overlap by half, so that some noise changes only one of them."""


def look(path: Path) -> Look:
    """Look at eight frames of a clip.

    Raises:
        DatasetError: the file cannot be read as video.
    """
    frames = np.concatenate([sample.streams for sample in chosen_samples(path, SPEC, CHOICE)])[INSIDE]
    lab = cv2.cvtColor(frames.reshape(-1, frames.shape[2], 3), cv2.COLOR_RGB2LAB)
    counts = cv2.calcHist([lab], [0, 1, 2], None, COLOUR_BINS, COLOUR_RANGES).ravel()
    greys = np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames[BOARD]]).astype(np.float32)
    mean = greys.mean(axis=0)
    edges = cv2.magnitude(cv2.Sobel(mean, cv2.CV_32F, 1, 0), cv2.Sobel(mean, cv2.CV_32F, 0, 1)) / 4
    still = np.flatnonzero((edges > MIN_EDGE) & (cv2.blur(greys.std(axis=0), (3, 3)) < MAX_SPREAD))
    levels = mean.ravel()[still].astype(np.int64)
    steps = [(levels + half * GREY_STEP // 2) // GREY_STEP * 2 + half for half in (0, 1)]
    return Look(np.sqrt(counts / counts.sum()), np.concatenate([still * MAX_STEPS + step for step in steps]))


def games(looks: Sequence[Look], n_runs: int = N_RUNS) -> list[int]:
    """The game of each clip, of clips in the order of their numbers."""
    places = _whitened(np.stack([found.colours for found in looks]))
    chain = eye_array(len(looks), k=1) + eye_array(len(looks), k=-1)
    runs = AgglomerativeClustering(n_runs, connectivity=chain).fit_predict(places)
    joined = _unclear_cuts(places, runs) | _one_board(looks, runs)
    return connected_components(csr_array(joined), directed=False)[1][runs].tolist()


def _whitened(colours: NDArray[np.float32]) -> NDArray[np.float64]:
    """Colours (n_clips, n_components) in units of how they differ from clip to clip, nearly always of one game."""
    components = PCA(min(N_COMPONENTS, *colours.shape), svd_solver="full").fit_transform(colours)
    steps = np.diff(components, axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    usual = ShrunkCovariance(assume_centered=True).fit(steps[lengths <= np.quantile(lengths, USUAL_STEPS)])
    return components @ np.linalg.cholesky(np.asarray(usual.get_precision()))


def _unclear_cuts(places: NDArray[np.float64], runs: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Of runs (n_runs, n_runs): whether they follow each other and a clip at the cut is near the other one too."""
    found = np.zeros((runs.max() + 1,) * 2, np.bool_)
    for last in np.flatnonzero(np.diff(runs)).tolist():
        for clip, other in ((last, runs[last + 1]), (last + 1, runs[last])):
            own = runs == runs[clip]
            own[clip] = False
            if not own.any():
                found[runs[clip], other] = True
                continue
            here, there = (np.square(places[clip] - places[run].mean(axis=0)).sum() for run in (own, runs == other))
            found[runs[clip], other] |= here > MAX_NEARNESS * there
    return found


def _one_board(looks: Sequence[Look], runs: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Of runs (n_runs, n_runs): whether clips of both show one scoreboard."""
    sizes = np.asarray([len(found.board) for found in looks])
    pixels = np.concatenate([found.board for found in looks])
    shape = (len(looks), pixels.max(initial=0) + 1)
    boards = csr_array((np.ones(len(pixels), np.float32), (np.repeat(np.arange(len(looks)), sizes), pixels)), shape)
    shares = (boards @ boards.T).toarray() / np.maximum(np.minimum.outer(sizes, sizes), 2 * MIN_BOARD_PX)
    alike = csr_array(shares >= MIN_SHARE, dtype=np.int64)
    of_run = csr_array((np.ones(len(runs), np.int64), (np.arange(len(runs)), runs)))
    n_clips = (of_run.T @ ((alike @ of_run) > 0)).toarray()  # of a run, with a likeness in the other
    return np.minimum(n_clips, n_clips.T) >= MIN_CLIPS


def grouped(clips: Sequence[Clip], found: Sequence[int]) -> list[Clip]:
    """The clips with their games for groups, corrected by eye; games are numbered as they come."""
    game_of = {clip.name: game for clip, game in zip(clips, found, strict=True)}
    game_of |= {stray: game_of[other] for stray, other in STRAYS.items() if stray in game_of}
    for one, other in ONE_GAME:
        if one in game_of:
            kept, given_up = game_of[one], game_of[other]
            game_of = {name: kept if game == given_up else game for name, game in game_of.items()}
    numbers = {game: number for number, game in enumerate(dict.fromkeys(game_of.values()), start=1)}
    return [replace(clip, group=f"game{numbers[game_of[clip.name]]:02d}") for clip in clips]


def in_order(folder: Path) -> list[Clip]:
    """The set's clips as they were cut from the games: fights first, by their original numbers where these are known.

    Raises:
        DatasetError: the folder is not the set.
    """
    rows = read_rows(folder / NAME_MAP_NAME, required=("label", "file", "original"))
    original = {f"{row['label']}/{row['file']}": row["original"] for row in rows}

    def place(clip: Clip) -> tuple[str, int, str]:
        number = re.search(r"\d+", original.get(clip.name) or clip.path.name)
        return clip.path.parent.name, int(number[0]) if number else 0, clip.name

    return sorted(read_dataset(folder), key=place)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder hockey-fights")
    parser.add_argument("out", type=Path, help="the fold file")
    options = parser.parse_args()
    clips = in_order(options.data)
    clips = grouped(clips, games([look(clip.path) for clip in clips]))
    write_folds(options.out, clips, assign_folds(clips, N_FOLDS, SEED))


if __name__ == "__main__":
    main()
