"""Boosted trees over bags of words, explained through their predictions alone."""
