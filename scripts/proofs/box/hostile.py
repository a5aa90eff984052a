"""Content that is damaged or meant ill: messages, configurations, bundles, clips and CSV files, ten thousand of each.

Evidence: good content after some changes, the same ones every time, given to what reads it: how many were taken and
refused, what was raised that is no message of one line, files that came or went, and the memory that it took.
"""

from edge.bundle import BUILTIN, Bundle
from proofs.frame.proof import Evidence, Figure, Figures, Limit, Proof, Setting, say
from proofs.rig import hostile

EXAMPLES, SHORT_EXAMPLES = 10_000, 500

TABLE = (
    Figure("kinds", "kinds of content"),
    Figure("examples", "changed ones of all kinds"),
    Figure("taken", "of these, taken"),
    Figure("faults", "tracebacks, and messages that are not one line", limit=Limit("<=", 0)),
    Figure("changed", "files that came or went", limit=Limit("<=", 0)),
    Figure("grown_mb", "memory that the second half of a kind took for good, at most", "MB", Limit("<=", 50), 0),
)


def measure(setting: Setting) -> Evidence:
    """Attack with one kind after the other, each in a process of its own."""
    examples = SHORT_EXAMPLES if setting.short else EXAMPLES
    attacks: list[Evidence] = []
    for kind in hostile.KINDS:
        attacks.append(hostile.attack_apart(kind, setting.work / "run", examples))
        say(f"{kind}: {attacks[-1]['faults']} faults in {examples}")
    return {"bundle_sha256": Bundle.load(BUILTIN).digest, "attacks": attacks}


def figures(evidence: Evidence) -> Figures:
    attacks = evidence["attacks"]
    return {
        "kinds": len(attacks),
        "examples": sum(attack[answer] for attack in attacks for answer in ("taken", "refused", "raised")),
        "taken": sum(attack["taken"] for attack in attacks),
        "faults": sum(attack["faults"] for attack in attacks),
        "changed": sum(len(attack["changed"]) for attack in attacks),
        "grown_mb": max(attack["grown_mb"] for attack in attacks),
    }


PROOF = Proof(
    name="hostile",
    summary="no traceback, nothing changed and bounded memory for what is damaged or meant ill",
    table=TABLE,
    measure=measure,
    figures=figures,
)
