"""Data sets as TFDS builders, read back without TensorFlow."""
