"""What proofs are played with: broker, streams, clips, the daemon, a scripted box."""
