"""Hockey Fight (Bermejo Nievas et al., CAIP 2011): what its clips' names tell.

The clips were cut one after the other, so blocks of neighbouring numbers, often the same game, are taken as groups;
`trainer/clips/folds/hockey-fights-games.csv`, which serves as `--groups` too, has the games as the pictures tell them.
The literature judges it on five random folds, without a list of them, so that clips of one game stand in several: here
these folds are drawn by a digest of each name.
"""

import re

from trainer.clips.datasets.official import RANDOM, Side, Sides, drawn

NAME = re.compile(r"(?P<class>fi|no)(?P<number>\d+)(?:_xvid)?\.\w+")
BLOCK_CLIPS = 20
N_FOLDS = 5


def hockey_group(name: str) -> str:
    """`fi47_xvid.avi` -> `fi2`: the block of neighbouring numbers; another name is a group of its own."""
    match = NAME.fullmatch(name)
    return f"{match['class']}{int(match['number']) // BLOCK_CLIPS}" if match else name


def hockey_sides(name: str) -> Sides:
    """The clip's random fold, the same for every container and codec."""
    match = NAME.fullmatch(name)
    return (Side(RANDOM, str(drawn(f"{match['class']}{match['number']}" if match else name) % N_FOLDS)),)
