"""Which clips the recipes are judged on, and by which folds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.errors import DatasetError
from proofs.frame.proof import Setting, say
from proofs.models.folds import FOLD_FILES
from trainer.clips.datasets import read_dataset
from trainer.clips.labels import FALL, VIOLENCE
from trainer.clips.manifest import Clip
from trainer.clips.splits import assign_folds, leave_one_group_out, official_folds, read_folds
from trainer.synth import render_dataset

N_FOLDS, FOLDS_SEED = 5, 0
N_SHORT_GROUPS, N_SHORT_OF_GROUP, N_SHORT_FOLDS = 9, 2, 3
N_RENDERED, RENDERED_SEED = 12, 3


@dataclass(frozen=True, slots=True)
class Protocol:
    """Every clip of a data set is judged once, by a model that was trained without its fold."""

    name: str
    """In the names of figures and folders."""
    dataset: str
    title: str
    """In the README."""
    official: str = ""
    """The literature's own split, though it may have groups on both sides; without one, groups stay whole."""
    label: str = VIOLENCE
    """What is to be found."""
    leave_one_out: bool = False
    """Whether each group is a fold of its own."""

    @property
    def fold_file(self) -> Path | None:
        """Of a protocol whose groups the set itself does not tell: its groups and folds, `<set>-<protocol>.csv`."""
        path = FOLD_FILES / f"{self.dataset}-{self.name}.csv"
        return path if path.is_file() else None

    def read(self, setting: Setting, seed: int = FOLDS_SEED) -> tuple[list[Clip], list[int]]:
        """The clips with the fold of each: the published folds for the first seed, others are drawn by the seed, groups
        whole; in short a few clips in three folds, rendered where there is no footage."""
        folder = setting.data / self.dataset
        if setting.short:
            clips = few(read_dataset(folder, groups=self.fold_file)) if folder.is_dir() else _rendered(setting)
            return clips, assign_folds(clips, N_SHORT_FOLDS, FOLDS_SEED)
        clips = read_dataset(folder, groups=self.fold_file)
        if seed != FOLDS_SEED:
            return clips, assign_folds(clips, N_FOLDS, seed)
        if self.leave_one_out:
            return clips, leave_one_group_out(clips)
        if self.official:
            return clips, official_folds(clips, self.official)
        return clips, read_folds(self.fold_file or FOLD_FILES / f"{self.dataset}.csv", clips)


SCENES = Protocol("scenes", "surveillance-fight", "`surveillance-fight`, five folds grouped by scene")
RANDOM_CLIPS = Protocol(
    "random", "hockey-fights", "`hockey-fights`, five random folds as the literature has them", "random"
)
GAMES = Protocol("games", "hockey-fights", "`hockey-fights`, five folds grouped by game")
SUBJECTS = Protocol("subjects", "gmdcsa24", "`gmdcsa24`, one subject left out", label=FALL, leave_one_out=True)
PROTOCOLS = {protocol.name: protocol for protocol in (SCENES, RANDOM_CLIPS, GAMES, SUBJECTS)}


def refuse_absent(names: Iterable[str], setting: Setting) -> None:
    """Refuse to go on without a data set.

    Raises:
        DatasetError: one is not there.
    """
    for name in names:
        if not (setting.data / name).is_dir():
            raise DatasetError(f"{setting.data / name}: no such folder; set EDGEWATCH_DATA to where the data sets lie")


def few(clips: Sequence[Clip]) -> list[Clip]:
    """Some clips of the first groups that hold fights, and of the first that hold none."""
    found: list[Clip] = []
    for fights in (True, False):
        of_label = [clip for clip in clips if (clip.label == VIOLENCE) == fights]
        for group in sorted({clip.group for clip in of_label})[:N_SHORT_GROUPS]:
            found += [clip for clip in of_label if clip.group == group][:N_SHORT_OF_GROUP]
    return found


def _rendered(setting: Setting) -> list[Clip]:
    folder = setting.work / "rendered"
    if not (folder / "manifest.csv").is_file():
        say(f"rendering {N_RENDERED} clips, since there is no footage")
        render_dataset(folder, N_RENDERED, RENDERED_SEED, lambda _: None)
    return read_dataset(folder)
