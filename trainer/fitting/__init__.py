"""How a recipe learns: its types, the run directory, batches, objective, rules, loop."""
