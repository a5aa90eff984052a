"""Bodies in the picture: from the maps of the pose network to people, their tracks, and features of those."""
