"""What is explained: one number taken from a model's outputs for one example.

Each function takes the logits `[C]` of one example and returns a scalar. Put them into a lambda over the model:
`score = lambda params, ids, label: jaxattr.scores.log_prob(model.apply(params, ids), label)`.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxattr import _checks


def logit(logits: Any, label: Any) -> Any:
    """The logit of one class.

    Args:
        logits: `[C]`.
        label: the class, an integer.

    Returns:
        A scalar. **Unit**: logits.

    Raises:
        TypeError, ValueError: logits that are not `[C]` floats, a label that is not an integer below C.

    Example:
        >>> print(logit(jnp.array([0.5, 2.0]), 1))
        2.0
    """
    _checks.check_logits("logit", logits)
    return _pick("logit", jnp.asarray(logits), label)


def prob(logits: Any, label: Any) -> Any:
    """The probability of one class.

    Args:
        logits: `[C]`.
        label: the class, an integer.

    Returns:
        A scalar between 0 and 1. **Unit**: probability. It saturates: prefer :func:`log_prob` for gradients.

    Raises:
        TypeError, ValueError: logits that are not `[C]` floats, a label that is not an integer below C.

    Example:
        >>> print(prob(jnp.array([0.0, 0.0]), 1))
        0.5
    """
    _checks.check_logits("prob", logits)
    return _pick("prob", jax.nn.softmax(logits), label)


def log_prob(logits: Any, label: Any) -> Any:
    """The log-probability of one class.

    Args:
        logits: `[C]`.
        label: the class, an integer.

    Returns:
        A scalar, at most 0. **Unit**: nats.

    Raises:
        TypeError, ValueError: logits that are not `[C]` floats, a label that is not an integer below C.

    Example:
        >>> print(log_prob(jnp.array([0.0, 0.0]), 1).round(4))
        -0.6931
    """
    _checks.check_logits("log_prob", logits)
    return _pick("log_prob", jax.nn.log_softmax(logits), label)


def log_odds(logits: Any, label: Any) -> Any:
    """The log of the odds of one class against all others together.

    Args:
        logits: `[C]`, C at least 2.
        label: the class, an integer.

    Returns:
        A scalar. **Unit**: nats. It does not saturate, and equals the difference of the logits for two classes.

    Raises:
        TypeError, ValueError: logits that are not `[C]` floats, a label that is not an integer below C.

    Example:
        >>> print(log_odds(jnp.array([0.5, 2.0]), 1))
        1.5
    """
    _checks.check_logits("log_odds", logits, least=2)
    return _pick("log_odds", jnp.asarray(logits), label) - jax.nn.logsumexp(_without(logits, label))


def margin(logits: Any, label: Any) -> Any:
    """The logit of one class less the largest of the others.

    Args:
        logits: `[C]`, C at least 2.
        label: the class, an integer.

    Returns:
        A scalar, positive where the class wins. **Unit**: logits.

    Raises:
        TypeError, ValueError: logits that are not `[C]` floats, a label that is not an integer below C.

    Example:
        >>> print(margin(jnp.array([0.5, 2.0, 1.5]), 1))
        0.5
    """
    _checks.check_logits("margin", logits, least=2)
    return _pick("margin", jnp.asarray(logits), label) - _without(logits, label).max()


def entropy(logits: Any) -> Any:
    r"""The entropy of the distribution, $-\sum_c p_c \log p_c$.

    Args:
        logits: `[C]`.

    Returns:
        A scalar between 0 and log C. **Unit**: nats.

    Raises:
        TypeError, ValueError: logits that are not `[C]` floats.

    Example:
        >>> print(entropy(jnp.array([0.0, 0.0])).round(4))
        0.6931
    """
    _checks.check_logits("entropy", logits)
    log_p = jax.nn.log_softmax(logits)
    return -jnp.sum(jnp.where(jnp.isneginf(log_p), 0, jnp.exp(log_p) * jnp.where(jnp.isneginf(log_p), 0, log_p)))


def top_k_mass(logits: Any, k: int) -> Any:
    """The probability of the k likeliest classes together.

    Args:
        logits: `[C]`.
        k: how many classes, at most C.

    Returns:
        A scalar between 0 and 1. **Unit**: probability.

    Raises:
        TypeError, ValueError: logits that are not `[C]` floats, a k that is not an integer between 1 and C.

    Example:
        >>> print(top_k_mass(jnp.zeros(4), 2))
        0.5
    """
    _checks.check_logits("top_k_mass", logits)
    _checks.check_top("top_k_mass", k, logits)
    return jax.lax.top_k(jax.nn.softmax(logits), k)[0].sum()


def _check_label(name: str, label: Any, classes: int) -> None:
    if not _checks.is_array(label) or not _checks.is_integer(label) or np.shape(label) != ():
        raise TypeError(f"{name} wants the label as one integer, but got {_checks.describe(label)}. Write label=1.")
    if _checks.is_concrete(label) and not 0 <= int(label) < classes:
        raise ValueError(
            f"{name} wants a label between 0 and {classes - 1}, but got {int(label)}. Check the number of classes."
        )


def _pick(name: str, values: Any, label: Any) -> Any:
    """The entry of the label; NaN, never another class, where a traced label turns out to be outside."""
    _check_label(name, label, len(values))
    inside = (label >= 0) & (label < len(values))
    return jnp.where(inside, values.at[label].get(mode="clip"), jnp.nan)


def _without(logits: Any, label: Any) -> Any:
    return jnp.where(jnp.arange(len(logits)) == label, -jnp.inf, logits)
