"""The systems that `trainer train --recipe` knows: one file a paper."""
