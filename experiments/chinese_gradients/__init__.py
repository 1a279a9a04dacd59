"""Over many Chinese texts, do integrated gradients find the decisive characters better than the plain gradient?

Importing this package chooses the JAX backend of Keras, which must be done before Keras is imported.
"""

import os

os.environ["KERAS_BACKEND"] = "jax"
