"""What several experiments need: words, a training loop, parameter files, provenance, an HTML page."""
