"""Why systemd gave up on a unit: the last line that its program wrote, and how it ended."""

import subprocess
from collections.abc import Mapping

from edge.system.log import masked

JOURNAL_TIMEOUT_S = 30
MAX_CHARACTERS = 500
"""Of the last line: it may be anybody's."""
AGAIN_MIN = 20
"""After so many minutes edgewatch-again@.timer has the unit started again."""


def why_failed(unit: str, environment: Mapping[str, str]) -> str:
    """Say why a unit failed, without secrets, and that it is tried again.

    Args:
        unit: its name, for what is known of no run.
        environment: of a unit that systemd started by `OnFailure=`: the MONITOR_ variables of systemd.exec(5), which
            systemd has from 251 on.
    """
    result = environment.get("MONITOR_SERVICE_RESULT", "")
    status = environment.get("MONITOR_EXIT_STATUS", "")
    ended = " ".join(part for part in (result, status) if part)
    last = _last_line(environment.get("MONITOR_INVOCATION_ID", ""))
    why = f"{last} ({ended})" if last and ended else last or f"{unit}: {ended or 'failed'}"
    return f"{why}; it is started again in {AGAIN_MIN} min"


def _last_line(invocation: str) -> str:
    """Of the program itself, not of systemd about it; '' where the journal cannot be read."""
    if not invocation:
        return ""
    command = ["journalctl", "--quiet", "--lines=1", "--output=cat", f"_SYSTEMD_INVOCATION_ID={invocation}"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=JOURNAL_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return masked(answer.stdout.strip())[:MAX_CHARACTERS]
