"""Where the networks of a bundle run. A backend opens a file as a `streams.Runnable`, which answers pictures and keeps
no state between them.

`choice` is the ordered choice between backends, one for each network; `probe` tries an accelerator where it can do no
harm.
"""
