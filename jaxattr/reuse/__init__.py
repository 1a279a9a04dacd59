"""Evaluate a score on many changed versions of one text, and compute once what they share.

One walk over the score's jaxpr carries, for every value, the text as it is and the window of positions in which each
version differs. A rule says what an operation makes of windows; where there is none, each version goes on alone.
"""
