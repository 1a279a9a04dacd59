"""A whole test set explained into a folder, by processes that are killed, and what its words say there."""
