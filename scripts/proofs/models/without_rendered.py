"""What the proof `accuracy` finds where no rendered clip is among the training clips: what real footage alone teaches.

The figures have no limits: they stand beside those of the shipped recipe.
"""

from dataclasses import replace

from proofs.frame.proof import Evidence, Figures, Proof, Setting
from proofs.models.accuracy import FOLDS_TABLE, SEEDS, figures_of_folds, measure_folds


def measure(setting: Setting) -> Evidence:
    """Run every fold that is not done yet."""
    return measure_folds(setting, SEEDS, rendered=False)


def figures(evidence: Evidence) -> Figures:
    """Pooled over the folds."""
    return figures_of_folds(evidence["folds"])


PROOF = Proof(
    name="without-rendered",
    summary="fights in scenes that were not learned from, as in accuracy, by models of real footage alone",
    table=tuple(replace(row, limit=None) for row in FOLDS_TABLE),
    measure=measure,
    figures=figures,
    of_bundle=True,
)
