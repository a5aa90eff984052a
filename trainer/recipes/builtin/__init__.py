"""The parts of the recipe `edgewatch`, of which the built-in bundle is made."""
