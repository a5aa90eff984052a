"""`python -m edge` is the command `edge`."""

import sys

from edge.cli import main

sys.exit(main())
