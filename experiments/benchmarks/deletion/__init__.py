"""What leave-one-out costs when versions of a text share what they have in common."""
