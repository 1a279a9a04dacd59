"""The convolutional classifier of Hechtlinger (arXiv 1611.07634) on all of IMDB, explained three ways."""
