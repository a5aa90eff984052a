"""Whole runs: trained, judged, folded, timed, compared."""
