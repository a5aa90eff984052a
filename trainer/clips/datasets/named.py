"""Published sets whose file names say what each clip is: class, group and, where it lies beside, the official split.

| set | names | group | official split |
|---|---|---|---|
| UCF50, UCF101 | `Class/v_Class_g01_c01.avi` | the number after g | `trainlist01.txt`, `testlist01.txt`, ... (UCF101) |
| UCF-11 | `class/v_name_01/v_name_01_01.mpg` | the first number | leave one group out |
| HMDB51 | `..._class_f_cm_np1_le_med_0.avi` | the film before the class | `class_test_split1.txt`, ... |
| KTH | `person01_boxing_d1_uncomp.avi` | the person | 16 persons train, 9 test (Schuldt et al., 2004) |
| RWF-2000 | `train/Fight/id_0.avi` | the source video | its folders `train` and `val` |
| Hockey Fight | `fi1_xvid.avi`, `no1_xvid.avi` | blocks of 20 numbers | five random folds |
| Surveillance Camera Fight | `fight/fi001.mp4`, `noFight/nofi001.mp4` | each clip; scenes by a `groups.csv` | none |
| URFD | `fall-01-cam0.mp4`, `adl-01-cam0.mp4`; times by its tables | the event, seen by one or two cameras | none |
| UP-Fall | `Subject1Activity1Trial1Camera1.mp4`; activities 1 to 5 are falls | the subject | none |
| Kinetics | `[train/]class/<id>_000010_000020.mp4` | the film | its folders `train`, `val` or `validate`, `test` |
| paper 003 | `0_1.mp4`: 0 dangerous, 1 safe | each clip | 75 to 25; which clips is not said: drawn here |

A CSV with the columns path,group gives any of them other groups.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from trainer.clips.datasets.folders import given_group, given_groups, videos_below
from trainer.clips.datasets.hockey import NAME as HOCKEY_NAME
from trainer.clips.datasets.hockey import hockey_group, hockey_sides
from trainer.clips.datasets.kth import Intervals, kth_intervals
from trainer.clips.datasets.official import RANDOM, Side, Sides, drawn, hmdb51_splits, ucf101_splits
from trainer.clips.datasets.urfd import urfd_intervals
from trainer.clips.labels import EVENT_LABELS, FALL, NORMAL, label_of_class
from trainer.clips.manifest import Clip, Segment

DANGEROUS = "dangerous"
KTH_TEST_PERSONS = frozenset({2, 3, 5, 6, 7, 8, 9, 10, 22})
UP_FALL_FALLS = 5
"""Activities up to this number are falls."""
MAX_STRAYS = 0.05
"""Share of a folder's videos that may have other names than the set that the folder is taken for."""
PAPER_003_NAME = re.compile(r"(?P<class>[01])_\d+\.\w+")
PAPER_003_TEST = 0.25
"""Share of the clips."""

Match = re.Match[str]


def _no_splits(_: Path) -> Mapping[str, Sides]:
    return {}


def _no_intervals(_: Path) -> Callable[[Path], Intervals]:
    return lambda _: ()


@dataclass(frozen=True, slots=True)
class NamedSet:
    """How one set names its files."""

    title: str
    pattern: re.Pattern[str]
    """Of a video's whole path below the set's folder."""
    class_of: Callable[[Match], str]
    group_of: Callable[[Match], str]
    side_of: Callable[[Match], Sides] = lambda _: ()
    """The official side that the name itself gives."""
    splits: Callable[[Path], Mapping[str, Sides]] = _no_splits
    """The official sides of files, by name without folder, that lists below or beside the folder give."""
    intervals: Callable[[Path], Callable[[Path], Intervals]] = _no_intervals
    """By lists in a set's folder or beside it: when the class holds in a video; nothing where they do not say."""


def _kth_side(match: Match) -> Sides:
    return (Side("official", "test" if int(match["person"]) in KTH_TEST_PERSONS else "train"),)


def _kinetics_side(match: Match) -> Sides:
    side = match["side"]
    return () if side is None else (Side("official", "validation" if side.startswith("val") else side),)


def _film(match: Match) -> str:
    """The film of an HMDB51 clip: where the folder names a class of several words, part of it stands in the name."""
    film, folder = match["film"], match["folder"]
    whole = f"{film}_{match['class']}"
    return whole.removesuffix(f"_{folder}") if folder else film


def _quarter(root: Path) -> Mapping[str, Sides]:
    """Paper 003, stage 2: of each class a quarter of the clips to test on; the same whatever the container.

    The paper gives the share alone, and its clips are not published.
    """
    classes: dict[str, list[Path]] = {}
    for video in videos_below(root):
        if match := PAPER_003_NAME.fullmatch(video.relative_to(root).as_posix()):
            classes.setdefault(match["class"], []).append(video)
    sides: dict[str, Sides] = {}
    for videos in classes.values():
        n_test = round(len(videos) * PAPER_003_TEST)
        for place, video in enumerate(sorted(videos, key=lambda video: drawn(video.stem))):
            sides[video.name] = (Side(RANDOM, "test" if place < n_test else "train"),)
    return sides


NAMED_SETS = (
    NamedSet(
        "UCF50 or UCF101",
        re.compile(r"(?:.*/)?v_(?P<class>[A-Za-z]+)_g(?P<group>\d+)_c\d+\.avi"),
        lambda match: match["class"],
        lambda match: f"g{match['group']}",
        splits=ucf101_splits,
    ),
    NamedSet(
        "UCF-11",
        re.compile(
            r"(?:.*/)?(?P<class>[a-z_]+)/v_[A-Za-z_]+?_(?P<group>\d+)/v_[A-Za-z_]+?_(?P=group)_\d+\.(?:mpg|avi)"
        ),
        lambda match: match["class"],
        lambda match: match["group"],
    ),
    NamedSet(
        "HMDB51",
        re.compile(
            r"(?:(?P<folder>[a-z_]+)/|.*/)?(?P<film>.+)_(?P<class>[a-z]+(?:_[a-z]+)*?)_[fhlu]_(?:cm|nm)_np\d_"
            r"(?:fr|ri|le|ba)_(?:bad|med|goo)_\d+\.avi"
        ),
        lambda match: match["folder"] or match["class"],
        _film,
        splits=hmdb51_splits,
    ),
    NamedSet(
        "KTH",
        re.compile(r"(?:.*/)?person(?P<person>\d+)_(?P<class>[a-z]+)_d\d(?:_uncomp)?\.avi"),
        lambda match: match["class"],
        lambda match: f"person{match['person']}",
        _kth_side,
        intervals=kth_intervals,
    ),
    NamedSet(
        "RWF-2000",
        re.compile(r"(?P<side>train|val)/(?P<class>Fight|NonFight)/(?P<source>.+)_\d+\.\w+"),
        lambda match: match["class"],
        lambda match: match["source"],
        lambda match: (Side("official", "train" if match["side"] == "train" else "test"),),
    ),
    NamedSet(
        "Hockey Fight",
        HOCKEY_NAME,
        lambda match: "fight" if match["class"] == "fi" else NORMAL,
        lambda match: hockey_group(match[0]),
        lambda match: hockey_sides(match[0]),
    ),
    NamedSet(
        "Surveillance Camera Fight",
        re.compile(r"(?:.*/)?(?P<class>fight|noFight)/(?:no)?fi\d{3}\.\w+"),
        lambda match: match["class"],
        lambda match: match[0],
    ),
    NamedSet(
        "URFD",
        re.compile(r"(?:.*/)?(?P<group>(?P<class>fall|adl)-\d+)-cam\d(?:-rgb)?\.\w+"),
        lambda match: match["class"],
        lambda match: match["group"],
        intervals=urfd_intervals,
    ),
    NamedSet(
        "UP-Fall",
        re.compile(r"(?:.*/)?Subject(?P<group>\d+)Activity(?P<activity>\d+)Trial\d+Camera\d+\.\w+"),
        lambda match: FALL if int(match["activity"]) <= UP_FALL_FALLS else NORMAL,
        lambda match: f"subject{match['group']}",
    ),
    NamedSet(
        "Kinetics",
        re.compile(
            r"(?:.*/)??(?:(?P<side>train|val|validate|test)/)?(?P<class>[^/]+)/(?P<id>[\w-]{11})_\d{6}_\d{6}\.\w+"
        ),
        lambda match: match["class"],
        lambda match: match["id"],
        _kinetics_side,
    ),
    NamedSet(
        "dangerous and safe activity (paper 003)",
        PAPER_003_NAME,
        lambda match: DANGEROUS if match["class"] == "0" else NORMAL,
        lambda match: match[0],
        splits=_quarter,
    ),
)


class Recognised(NamedTuple):
    """The set that the videos of a folder are named after."""

    named: NamedSet
    strays: tuple[str, ...]
    """Videos below the folder that are not named so."""
    nearly_all: bool
    """Whether so few are not that the rest is read as the set."""


def recognise(path: Path) -> Recognised | None:
    """The set that most videos below a folder are named after; None where no set has more than half of them."""
    names = [video.relative_to(path).as_posix() for video in videos_below(path)]
    strays = [tuple(name for name in names if not named.pattern.fullmatch(name)) for named in NAMED_SETS]
    fewest = min(strays, key=len)
    if len(fewest) >= len(names) / 2:
        return None
    return Recognised(NAMED_SETS[strays.index(fewest)], fewest, len(fewest) <= MAX_STRAYS * len(names))


def read_named(
    path: Path, named: NamedSet, positive: Mapping[str, str] | None = None, groups: Path | None = None
) -> list[Clip]:
    """Read a set by its names; videos that are not named so are passed over.

    Raises:
        DatasetError: a list that lies beside it cannot be read, or the groups' CSV and the clips do not fit.
    """
    given = given_groups(path, groups)
    official = named.splits(path)
    found = [
        (video, match, label_of_class(named.class_of(match), positive))
        for video in videos_below(path)
        if (match := named.pattern.fullmatch(video.relative_to(path).as_posix()))
    ]
    labels = _annotated([label for *_, label in found])
    intervals = named.intervals(path)
    clips: list[Clip] = []
    for video, match, label in found:
        acts = intervals(video)
        segments = tuple(Segment(label, *interval) for interval in acts) or (Segment(label),)
        name, sides = video.relative_to(path).as_posix(), official.get(video.name, named.side_of(match))
        clips.append(
            Clip(
                video,
                named.group_of(match) if given is None else given_group(given, name, path),
                labels,
                segments,
                name,
                path.resolve().name,
                timed=bool(acts),
                official=sides,
            )
        )
    return clips


def _annotated(labels: Sequence[str]) -> frozenset[str]:
    return frozenset(labels) - {NORMAL} or frozenset(EVENT_LABELS)
