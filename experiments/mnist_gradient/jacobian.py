"""The average Jacobian of the network over many images, class by class, and its standard error."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxattr as ja
from experiments.mnist_gradient.model import CLASSES, DigitClassifier, grey, logits

BATCH = 100


def centred_logit(values: jax.Array, label: jax.Array) -> jax.Array:
    """A logit less the mean of all logits: what is left when the shift that no class notices is taken out."""
    return ja.scores.logit(values - values.mean(), label)


SCORES = {"logit": centred_logit, "probability": ja.scores.prob}


def average_jacobian(model: DigitClassifier, params: Any, images: np.ndarray) -> dict[str, dict[str, np.ndarray]]:
    r"""Averages over images the slopes of each class's score with respect to each pixel.

    $$\hat{J}_{cj} = \frac{1}{n} \sum_{i=1}^{n} \frac{\partial f_c}{\partial x_j}(x_i)$$

    Args:
      model: The network.
      params: Its variables.
      images: `uint8[N, 784]`.

    Returns:
      For the centred "logit" and for the "probability", "mean" and "standard_error", `float64[10, 784]`; images are
      what the error counts.
    """

    def slopes(image: jax.Array) -> Any:
        def at(params: Any) -> dict[str, jax.Array]:
            def of_class(label: jax.Array) -> dict[str, jax.Array]:
                return {
                    name: ja.gradient(lambda x, score=score: score(logits(model, params, x), label))(grey(image))
                    for name, score in SCORES.items()
                }

            return jax.vmap(of_class)(jnp.arange(CLASSES))

        return at

    mean = jax.jit(lambda params, rows: ja.mean_over(slopes, rows, batch_size=BATCH)(params))(params, images)
    error = jax.jit(lambda params, rows: ja.standard_error_over(slopes, rows, batch_size=BATCH)(params))(params, images)
    wide = {"mean": mean, "standard_error": error}
    return {name: {key: np.asarray(found[name], np.float64) for key, found in wide.items()} for name in SCORES}
