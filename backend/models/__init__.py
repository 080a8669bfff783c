"""Model files, the weights in them, and the layouts in which others publish weights."""
