"""What frozen networks say of clips, made once: networks, the cache, and who fills it."""
