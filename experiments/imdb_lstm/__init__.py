"""The LSTM example of SHAP on all of IMDB: DeepSHAP for a Flax model and for the Keras model of the source.

Importing this package chooses the JAX backend of Keras, which must be done before Keras is imported.
"""

import os

os.environ["KERAS_BACKEND"] = "jax"
