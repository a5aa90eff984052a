"""What the recipes of several papers share."""
