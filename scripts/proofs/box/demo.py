"""Of how many rendered scenes the demo gets exactly the two alerts that are right.

Evidence: each scene as `scripts/demo` shows it, watched by `edge run` with the built-in bundle, and what was wrong with
the alerts that a subscriber received. The scenes are synthetic: nothing here is an accuracy.
"""

import contextlib
import hashlib
import shutil
import sys

from demonstration import MISSED, WRONG, watch_scene
from edge.bundle import BUILTIN, Bundle
from proofs.frame.proof import ROOT, Evidence, Figure, Figures, Limit, Proof, Setting

SEEDS, SEEDS_SHORT = range(1, 41), range(1, 5)
LEAST_PASSED = 36

TABLE = (
    Figure("passed", "scenes with the two right alerts and no other", "", Limit(">=", LEAST_PASSED), 0),
    Figure("scenes", "scenes, of the seeds 1 and up", "", None, 0),
    Figure("missed_falls", "falls without an alert", "", None, 0),
    Figure("missed_violence", "fights without an alert", "", None, 0),
    Figure("wrong_falls", "wrong alerts: fall", "", None, 0),
    Figure("wrong_violence", "wrong alerts: violence", "", None, 0),
    Figure("failed", "seeds that failed", "", None, 0),
)


def measure(setting: Setting) -> Evidence:
    """About a minute a scene on two cores."""
    made_from = {"bundle": Bundle.load(BUILTIN).digest, "renderer": _renderer()}
    found: Evidence = {"bundle_sha256": made_from["bundle"], "faults": {}}
    for seed in SEEDS_SHORT if setting.short else SEEDS:
        kept = setting.once(f"seed-{seed}", made_from, lambda s=seed: {"faults": _faults(setting, s)})
        found["faults"][str(seed)] = kept["faults"]
    return found


def _faults(setting: Setting, seed: int) -> list[str]:
    folder = setting.work / "scene"
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.redirect_stdout(sys.stderr):
        faults = watch_scene(folder, seed)
    shutil.rmtree(folder)
    return faults


def _renderer() -> str:
    """Of what renders scenes: other sources, other scenes."""
    folder = ROOT / "trainer" / "synth"
    contents = [path.read_bytes() for path in sorted(folder.glob("*.py"))]
    return hashlib.sha256(b"".join(contents)).hexdigest()


def figures(evidence: Evidence) -> Figures:
    """Counts over the scenes."""
    faults: dict[str, list[str]] = evidence["faults"]
    every = [fault for ones in faults.values() for fault in ones]

    def count(beginning: str) -> int:
        return sum(fault.startswith(beginning) for fault in every)

    return {
        "passed": sum(not ones for ones in faults.values()),
        "scenes": len(faults),
        "missed_falls": count(f"{MISSED} fall"),
        "missed_violence": count(f"{MISSED} violence"),
        "wrong_falls": count(f"{WRONG} fall"),
        "wrong_violence": count(f"{WRONG} violence"),
        "failed": ", ".join(seed for seed, ones in faults.items() if ones) or "none",
    }


PROOF = Proof(
    name="demo",
    summary="of how many rendered scenes the demo gets exactly the two alerts that are right",
    table=TABLE,
    measure=measure,
    figures=figures,
    short_keeps_limits=False,
    of_bundle=True,
)
