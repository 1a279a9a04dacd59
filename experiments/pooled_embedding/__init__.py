"""Which words win a global maximum: attribution at a pooled embedding, for a Keras model and a Flax model of IMDB.

Importing this package chooses the JAX backend of Keras, which must be done before Keras is imported.
"""

import os

os.environ["KERAS_BACKEND"] = "jax"
