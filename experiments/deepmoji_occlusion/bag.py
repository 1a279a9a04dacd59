"""The measures beside the network: the most frequent class, and logistic regression on words without their order."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments._shared.words import PAD
from experiments.deepmoji_occlusion.data import Rows

PENALTIES = (1e-4, 3e-4, 1e-3, 3e-3)
_STEPS, _RATE = 300, 0.05


def majority(train: Rows, test: Rows) -> float:
    """The share of test texts of the class that is most frequent in training."""
    return float((test.labels == np.bincount(train.labels).argmax()).mean())


def _logits(params: Any, ids: jax.Array) -> jax.Array:
    return jnp.where((ids != PAD)[..., None], params["words"][ids], 0).sum(-2) + params["bias"][None]


def _fitting(rows: Rows, vocabulary: int, classes: int) -> Callable[[float], Any]:
    """The fit as a function of the penalty."""

    def loss(params: Any, penalty: jax.Array) -> jax.Array:
        found = optax.softmax_cross_entropy_with_integer_labels(_logits(params, jnp.asarray(rows.ids)), rows.labels)
        return found.mean() + penalty * (params["words"] ** 2).sum()

    optimizer = optax.adam(_RATE)

    def fit(penalty: jax.Array) -> Any:
        def step(state: Any, _: Any) -> Any:
            params, kept = state
            updates, kept = optimizer.update(jax.grad(loss)(params, penalty), kept, params)
            return (optax.apply_updates(params, updates), kept), None

        params = {"words": jnp.zeros((vocabulary, classes)), "bias": jnp.zeros(classes)}
        return jax.lax.scan(step, (params, optimizer.init(params)), None, length=_STEPS)[0][0]

    return jax.jit(fit)


def bag_of_words(
    train: Rows,
    validation: Rows,
    test: Rows,
    *,
    vocabulary: int,
    classes: int,
    penalties: Sequence[float] = PENALTIES,
) -> tuple[np.ndarray, dict[str, float]]:
    """Fits logistic regression on the counts of words; the penalty is the one that is best on the validation texts.

    Args:
      train: The training texts.
      validation: The texts that choose the penalty.
      test: The test texts.
      vocabulary: How many ids there are.
      classes: How many classes.
      penalties: What to try, factors of the squared weights.

    Returns:
      The predicted classes of the test texts; the accuracies on validation and test texts, and the penalty.
    """

    def predicted(params: Any, rows: Rows) -> np.ndarray:
        return np.asarray(_logits(params, jnp.asarray(rows.ids)).argmax(-1))

    def accuracy(params: Any, rows: Rows) -> float:
        return float((predicted(params, rows) == rows.labels).mean())

    fit = _fitting(train, vocabulary, classes)
    fitted = [(penalty, fit(penalty)) for penalty in penalties]
    penalty, params = max(fitted, key=lambda pair: accuracy(pair[1], validation))
    about = {"validation_accuracy": accuracy(params, validation), "test_accuracy": accuracy(params, test)}
    return predicted(params, test), {**about, "penalty": penalty}
