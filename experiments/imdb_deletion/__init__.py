"""Every word of every test review deleted, one at a time."""
