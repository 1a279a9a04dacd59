"""A multi-layer network over bags of words on IMDB, and the linear classifier in its average gradient."""
