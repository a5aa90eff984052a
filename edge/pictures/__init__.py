"""Pictures of what was noticed, where the configuration wants them: snapshots, clips, and frames of false alarms."""
