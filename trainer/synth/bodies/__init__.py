"""Bodies in motion seen through virtual cameras, as the pose network would see them: only for learning."""

from trainer.synth.bodies.sequences import virtual_sequences

__all__ = ["virtual_sequences"]
