"""Runs a Python program by a clock that is behind: `behind.py SECONDS PROGRAM.py ARGUMENT...`."""

import datetime as dt
import runpy
import sys
import time

if __name__ == "__main__":
    BEHIND_S = float(sys.argv[1])
    right_time = time.time

    class Behind(dt.datetime):
        """Whose present is past."""

        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> "Behind":
            return super().now(tz) - dt.timedelta(seconds=BEHIND_S)

    dt.datetime = Behind
    time.time = lambda: right_time() - BEHIND_S
    del sys.argv[:2]
    runpy.run_path(sys.argv[0], run_name="__main__")
