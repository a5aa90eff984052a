"""Many boxes: what a broker knows of all of them, and folders that make them."""
