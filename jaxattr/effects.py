r"""What a perturbation changed: functions `(full, changed) -> number` for the option `effect` of an occlusion.

`full` is what f returns for the full text and `changed` what it returns for a perturbed one; a single score needs none
of them, since its drop is the default. The distances here take two arrays of logits `[C]` and compare the
distributions they stand for; each is a sum over classes, and `k` restricts the sum to the k likeliest classes *of the
full text*, not renormalised, ties to the lower class.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxattr import _checks

Effect = Callable[[Any, Any], Any]


def drop(full: Any, changed: Any) -> Any:
    r"""What is lost, $\mathrm{full} - \mathrm{changed}$, entry by entry.

    Args:
        full: a pytree of arrays, f of the full text.
        changed: f of the perturbed text, like `full`.

    Returns:
        A pytree like `full`: with a whole vector of outputs, the drop of every output in one pass.
        **Unit**: the unit of f.

    Example:
        >>> import jaxattr as ja
        >>> table = jnp.array([[0.0, 0.0], [1.0, 5.0], [2.0, 7.0]])
        >>> logits = lambda ids: table[ids].sum(0)
        >>> ja.occlusion(logits, perturb=ja.delete(0), effect=drop)(jnp.array([1, 2])).tolist()
        [[1.0, 5.0], [2.0, 7.0]]
    """
    return jax.tree.map(lambda a, b: jnp.asarray(a) - jnp.asarray(b), full, changed)


def predicted(score: Callable[[Any, Any], Any]) -> Effect:
    r"""The drop of a score of the class that the full text is given.

    $$s(z, c) - s(z', c), \qquad c = \arg\max_j z_j$$

    Args:
        score: `(logits, label) -> number`, such as :func:`jaxattr.scores.log_prob`.

    Returns:
        An effect `(full, changed) -> number` of logits `[C]`. The class is that of the full text and stays the same
        for every perturbed one. **Unit**: that of the score.

    Raises:
        TypeError: a score that is not a function; when used, logits that are not floats.
        ValueError: when used, logits that are not `[C]`.

    Example:
        >>> import jaxattr as ja
        >>> full, changed = jnp.array([1.0, 3.0]), jnp.array([2.0, 1.0])
        >>> print(predicted(ja.scores.logit)(full, changed))
        2.0
    """
    _checks.check_function("predicted", "score", score, "predicted(jaxattr.scores.log_prob)")

    def effect(full: Any, changed: Any) -> Any:
        _check_pair("predicted", full, changed, None)
        label = jnp.argmax(full)
        return score(full, label) - score(changed, label)

    return effect


def l1(full: Any, changed: Any, *, k: int | None = None) -> Any:
    r"""The summed absolute change of the probabilities.

    $$\sum_{c \in \mathrm{top}_k(p)} |p_c - q_c|, \qquad p = \mathrm{softmax}(\mathrm{full}),\;
      q = \mathrm{softmax}(\mathrm{changed})$$

    Over all classes it is twice the total variation. With `k=5` it is the rule of the DeepMoji demonstration: how much
    the five likeliest emojis of the full text change when a word is taken out.

    Args:
        full: logits `[C]` of the full text.
        changed: logits `[C]` of the perturbed text.
        k: the number of classes, the likeliest of the full text; None takes all of them.

    Returns:
        A scalar between 0 and 2. **Unit**: probability.

    Raises:
        TypeError, ValueError: logits that are not `[C]` floats of one size, a k that is not between 1 and C.

    Example:
        >>> import jaxattr as ja
        >>> def top_five(full, changed):
        ...     return ja.effects.l1(full, changed, k=5)
        >>> table = jnp.log(jnp.array([[1, 1, 1, 1, 1, 1], [2, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 4]], float))
        >>> logits = lambda ids: table[ids].sum(0)  # six emojis, independent words
        >>> changes = ja.occlusion(logits, perturb=ja.delete(0), effect=top_five)(jnp.array([1, 2]))
        >>> [round(float(change), 3) for change in changes]
        [0.167, 0.471]

    References:
        The rule: the authors of :cite:`felbo2017using`, arXiv:1708.00524, in the issues of their code.
    """
    p, q, _, _ = _top("l1", full, changed, k)
    return jnp.abs(p - q).sum()


def hellinger(full: Any, changed: Any, *, k: int | None = None) -> Any:
    r"""The Hellinger distance of two distributions.

    $$\sqrt{\tfrac12 \sum_{c \in \mathrm{top}_k(p)} \big(\sqrt{p_c} - \sqrt{q_c}\big)^2}$$

    Args:
        full: logits `[C]` of the full text.
        changed: logits `[C]` of the perturbed text.
        k: the number of classes, the likeliest of the full text; None takes all of them.

    Returns:
        A scalar between 0 and 1; its gradient is 0 where nothing changed. **Unit**: none.

    Raises:
        TypeError, ValueError: logits that are not `[C]` floats of one size, a k that is not between 1 and C.

    Example:
        >>> print(hellinger(jnp.array([50.0, 0.0]), jnp.array([0.0, 50.0])).round(3))
        1.0
    """
    _, _, log_p, log_q = _top("hellinger", full, changed, k)
    total = ((jnp.exp(log_p / 2) - jnp.exp(log_q / 2)) ** 2).sum() / 2
    return jnp.where(total > 0, jnp.sqrt(jnp.where(total > 0, total, 1)), total)


def kl(full: Any, changed: Any, *, k: int | None = None) -> Any:
    r"""The Kullback-Leibler divergence of the perturbed text's distribution from the full text's.

    $$\sum_{c \in \mathrm{top}_k(p)} \Big( p_c \log \frac{p_c}{q_c} - p_c + q_c \Big)$$

    Over all classes the last two terms sum to zero, and this is $\mathrm{KL}(p \,\|\, q)$; with them every class
    contributes 0 or more, also over a part of the classes.

    Args:
        full: logits `[C]` of the full text, p.
        changed: logits `[C]` of the perturbed text, q. Exchange the two for $\mathrm{KL}(q \,\|\, p)$.
        k: the number of classes, the likeliest of the first argument; None takes all of them.

    Returns:
        A scalar, 0 or more; infinite where q excludes a class that p has. **Unit**: nats.

    Raises:
        TypeError, ValueError: logits that are not `[C]` floats of one size, a k that is not between 1 and C.

    Example:
        >>> print(f"{kl(jnp.array([0.0, 0.0]), jnp.log(jnp.array([0.8, 0.2]))):.4f}")
        0.2231

    References:
        :cite:`kullback1951information`, eq. 2.4.
    """
    p, q, log_p, log_q = _top("kl", full, changed, k)
    both, d = _log_ratio(log_p, log_q)
    small = jnp.where(jnp.abs(d) < 1, d, 0)
    terms = jnp.where(jnp.abs(d) < 1, p * (jnp.expm1(small) - small), q - p - p * d)  # exact for small changes too
    excluded = jnp.where(jnp.isneginf(log_p), q, jnp.inf)
    return jnp.where(both, terms, excluded).sum()


def js(full: Any, changed: Any, *, k: int | None = None) -> Any:
    r"""The Jensen-Shannon divergence of two distributions.

    $$\tfrac12 \sum_{c \in \mathrm{top}_k(p)} \Big( p_c \log \frac{p_c}{m_c} + q_c \log \frac{q_c}{m_c} \Big),
      \qquad m = \tfrac12 (p + q)$$

    Args:
        full: logits `[C]` of the full text.
        changed: logits `[C]` of the perturbed text.
        k: the number of classes, the likeliest of the full text; None takes all of them.

    Returns:
        A scalar between 0 and log 2. **Unit**: nats.

    Raises:
        TypeError, ValueError: logits that are not `[C]` floats of one size, a k that is not between 1 and C.

    Example:
        >>> print(js(jnp.array([50.0, 0.0]), jnp.array([0.0, 50.0])).round(3))
        0.693

    References:
        :cite:`lin1991divergence`, eq. 3.1 with equal weights.
    """
    p, q, log_p, log_q = _top("js", full, changed, k)
    both, d = _log_ratio(log_p, log_q)
    half = jnp.log1p(jnp.expm1(-jnp.abs(d)) / 2)  # log((1 + exp(-|d|)) / 2), exactly 0 where nothing changed
    terms = -p * (jnp.maximum(d, 0) + half) - q * (jnp.maximum(-d, 0) + half)
    return jnp.where(both, terms, (p + q) * jnp.log(2.0).astype(p.dtype)).sum() / 2


def _log_ratio(log_p: Any, log_q: Any) -> tuple[Any, Any]:
    """Whether both probabilities are positive, and log(q / p) where they are."""
    both = ~(jnp.isneginf(log_p) | jnp.isneginf(log_q))
    return both, jnp.where(both, jnp.where(both, log_q, 0) - jnp.where(both, log_p, 0), 0)


def _top(name: str, full: Any, changed: Any, k: int | None) -> tuple[Any, Any, Any, Any]:
    """Probabilities and log-probabilities of both, at the classes that count."""
    _check_pair(name, full, changed, k)
    log_p, log_q = jax.nn.log_softmax(full), jax.nn.log_softmax(changed)
    if k is not None:
        classes = jax.lax.top_k(full, k)[1]
        log_p, log_q = log_p[classes], log_q[classes]
    return jnp.exp(log_p), jnp.exp(log_q), log_p, log_q


def _check_pair(name: str, full: Any, changed: Any, k: int | None) -> None:
    for logits in (full, changed):
        _checks.check_logits(name, logits)
    if jnp.shape(full) != jnp.shape(changed):
        raise ValueError(
            f"{name} wants logits of the same classes, but got {_checks.describe(full)} for the full text and "
            f"{_checks.describe(changed)} for the perturbed one. Let f return logits [C] for every text."
        )
    if k is not None:
        _checks.check_top(name, k, full)
