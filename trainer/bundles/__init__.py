"""From a run to a bundle: calibration, conversion, what it changes, thresholds."""
