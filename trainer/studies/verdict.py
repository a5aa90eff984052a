"""What a run says of clips, by the way that fits it: the box's pipeline where a box can run it, else clip by clip."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from edge.bundle import Bundle
from edge.errors import ConfigurationError
from trainer.bundles.conversion import Precision, bundle_of
from trainer.clips.manifest import Clip
from trainer.features.cache import content_sha256
from trainer.files import file_sha256, write_json
from trainer.fitting.recipe import Workshop
from trainer.fitting.run import SAMPLING, WINDOW_NAME, Run
from trainer.judging.evaluation import Judge
from trainer.judging.judging import judge_of
from trainer.judging.scoring import ClipScores, watch_clips
from trainer.recipes.shared.whole import score_whole

WHOLE_CLIPS = "float32"
"""The one precision in which whole clips are judged: Keras itself."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Scores of clips, with how to read them."""

    judge: Judge
    results: list[ClipScores]
    digest: str
    """Of the model that gave them."""


def judge(run: Run, clips: Sequence[Clip], precision: Precision, workshop: Workshop) -> Verdict:
    """Scores of clips, kept in the run and read from there as long as the model and the clips' bytes are the same.

    Raises:
        ConfigurationError: a model of whole clips is asked for in another precision than float32.
        DatasetError: a clip cannot be read.
    """
    if run.settings.judges_whole_clips and precision != WHOLE_CLIPS:
        raise ConfigurationError(
            f"--precision {precision}: {run.path} judges whole clips and has no bundle; give {WHOLE_CLIPS}, or train "
            f"with --set {SAMPLING}=rate"
        )
    bundle = None if run.settings.judges_whole_clips else bundle_of(run, precision)
    digest = Bundle.load(bundle).digest if bundle is not None else _model_digest(run)
    reader = judge_of(bundle) if bundle is not None else Judge(run.settings.labels, raises_alarms=False)
    path = run.path / f"scores-{precision}.json"
    wanted = [(f"{clip.dataset}/{clip.name}", content_sha256(clip.path)) for clip in clips]
    if path.is_file():
        content = json.loads(path.read_text(encoding="utf-8"))
        kept = [(row["path"], row["sha256"]) for row in content["clips"]]
        if content["bundle_sha256"] == digest and kept == wanted:
            rows = zip(content["clips"], clips, strict=True)
            return Verdict(reader, [ClipScores.from_json(row, clip) for row, clip in rows], digest)
    whole = bundle is None
    results = _whole(run, clips, workshop) if whole else list(watch_clips(bundle, clips, workshop.workers))
    write_json(path, {"bundle_sha256": digest, "clips": [result.to_json() for result in results]})
    return Verdict(reader, results, digest)


def _whole(run: Run, clips: Sequence[Clip], workshop: Workshop) -> list[ClipScores]:
    from trainer.recipes.catalogue import RECIPES  # noqa: PLC0415  (the recipes import much that bundles need not)

    system = RECIPES[run.settings.recipe].whole
    assert system is not None, run.settings.recipe
    return score_whole(system, run, clips, workshop)


def _model_digest(run: Run) -> str:
    return file_sha256(run.path / WINDOW_NAME)
