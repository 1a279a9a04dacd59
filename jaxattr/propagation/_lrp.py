"""Layer-wise relevance propagation, guided backpropagation and the deconvolutional network."""

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp

from jaxattr import _argument
from jaxattr.propagation._rules import refuse
from jaxattr.propagation._tables import DECONVNET, GUIDED, LRP_EPSILON, Rules
from jaxattr.propagation._values import Rule, widened
from jaxattr.propagation._walk import multipliers


def lrp(
    f: _argument.Score,
    *,
    rules: Rules | Callable[[str], Rules] = LRP_EPSILON,
    fallback: Rule = refuse,
    where: Any = None,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
) -> Callable[..., Any]:
    r"""Hand the score back layer by layer, in proportion to what each value contributed.

    $$R_i = x_i m_i, \qquad m \text{ from the rule of each primitive, with } R = f(x) \text{ at the output}$$

    The entries sum to f(x) less what stabilisers and the biases of layers with weights absorb; a number added elsewhere
    is part of an elementwise function, which hands all relevance on. Rules are matters of choice: say which table was
    used. Costs about one gradient; the gamma and alpha-beta rules two to four products a layer. Experimental: the
    rules of attention follow the pattern in which `jax.nn.softmax` is written. Layer-wise relevance propagation is
    patented; commercial use may need a licence of the holders.

    Args:
        f: a function that returns one number.
        rules: `propagation.LRP_EPSILON`, `LRP_GAMMA`, `LRP_Z_PLUS`, `LRP_ALPHA_BETA`, `ATTN_LRP` for attention and
            gates, a table of `propagation.lrp_rules(...)`, or your own made from these with `|`; or a function from the
            name of a layer (`Encoder/Dense_0`, see :func:`jaxattr.propagation.ledger`) to a table.
        fallback: what happens to a primitive that is not in the table; `propagation.refuse` raises.
        where: `[T]` booleans, True at real positions; the others get 0.
        argnums: the argument that is attributed to; a sequence gives a tuple.
        has_aux: f returns `(score, aux)`; aux is returned beside the relevance.

    Returns:
        A function with the signature of f, whose value has the structure and shapes of the argument, in float32 at
        least. **Unit**: the unit of f.

    Raises:
        NoRule: a primitive without a rule; with the classical tables also a product of two moving values.
        TypeError, ValueError: as :func:`jaxattr.gradient`.

    Example:
        >>> w = jnp.array([[1.0, -2.0], [3.0, 4.0]])
        >>> f = lambda x: jax.nn.relu(x @ w).sum()
        >>> [round(v, 3) for v in lrp(f)(jnp.array([1.0, 2.0])).tolist()]
        [-1.0, 14.0]

    References:
        :cite:`bach2015pixel`, doi:10.1371/journal.pone.0130140, section "Layer-wise relevance propagation"; attention
        :cite:`achtibat2024attnlrp`, arXiv:2402.05602.
    """
    return _sent_back("lrp", f, lambda x, m: x * m, rules, fallback, where, argnums, has_aux)


def guided_backprop(
    f: _argument.Score,
    *,
    rules: Rules | Callable[[str], Rules] = GUIDED,
    fallback: Rule = refuse,
    where: Any = None,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
) -> Callable[..., Any]:
    r"""The gradient, with negative parts taken out at every ReLU on the way back.

    $$g_x = 1[x > 0]\, 1[g_y > 0]\, g_y \quad \text{at } y = \max(x, 0)$$

    It does not depend on the later layers as an explanation should: it fails the randomisation test of Adebayo et al.
    (arXiv:1810.03292). Offered for comparison with the literature. Costs one gradient.

    Args:
        f: a function that returns one number.
        rules: the table.
        fallback: what happens to a primitive that is not in the table.
        where: `[T]` booleans, True at real positions; the others get 0.
        argnums: the argument that is attributed to; a sequence gives a tuple.
        has_aux: f returns `(score, aux)`; aux is returned beside the attribution.

    Returns:
        A function with the signature of f, whose value has the structure and shapes of the argument. **Unit**: the unit
        of f per unit of the argument.

    Raises:
        NoRule: a primitive without a rule.
        TypeError, ValueError: as :func:`jaxattr.gradient`.

    Example:
        >>> f = lambda x: jax.nn.relu(x[0]) - jax.nn.relu(x[1]) + x[2]
        >>> guided_backprop(f)(jnp.array([1.0, 1.0, 1.0])).tolist()
        [1.0, 0.0, 1.0]

    References:
        :cite:`springenberg2015striving`, arXiv:1412.6806, section 3.4.
    """
    return _sent_back("guided_backprop", f, lambda _, m: m, rules, fallback, where, argnums, has_aux)


def deconvnet(
    f: _argument.Score,
    *,
    rules: Rules | Callable[[str], Rules] = DECONVNET,
    fallback: Rule = refuse,
    where: Any = None,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
) -> Callable[..., Any]:
    r"""The gradient, with every ReLU replaced on the way back by a ReLU of what comes back.

    $$g_x = 1[g_y > 0]\, g_y \quad \text{at } y = \max(x, 0)$$

    Offered for comparison with the literature. Costs one gradient.

    Args:
        f: a function that returns one number.
        rules: the table.
        fallback: what happens to a primitive that is not in the table.
        where: `[T]` booleans, True at real positions; the others get 0.
        argnums: the argument that is attributed to; a sequence gives a tuple.
        has_aux: f returns `(score, aux)`; aux is returned beside the attribution.

    Returns:
        A function with the signature of f, whose value has the structure and shapes of the argument. **Unit**: the unit
        of f per unit of the argument.

    Raises:
        NoRule: a primitive without a rule.
        TypeError, ValueError: as :func:`jaxattr.gradient`.

    Example:
        >>> f = lambda x: jax.nn.relu(x[0]) - jax.nn.relu(x[1]) + jax.nn.relu(x[2])
        >>> deconvnet(f)(jnp.array([1.0, 1.0, -1.0])).tolist()
        [1.0, 0.0, 1.0]

    References:
        :cite:`zeiler2014visualizing`, arXiv:1311.2901, section 2.1.
    """
    return _sent_back("deconvnet", f, lambda _, m: m, rules, fallback, where, argnums, has_aux)


def _sent_back(
    name: str,
    f: _argument.Score,
    value: Callable[[Any, Any], Any],
    rules: Rules | Callable[[str], Rules],
    fallback: Rule,
    where: Any,
    argnums: int | Sequence[int],
    has_aux: bool,
) -> Callable[..., Any]:
    """The transform that hands the score back by a table; its value is made of each entry and its multiplier."""

    def method(argument: _argument.Argument) -> tuple[Any, Any]:
        x = [widened(leaf) for leaf in argument.leaves]
        slopes = multipliers(argument, x, [jnp.zeros_like(leaf) for leaf in x], rules, fallback)
        values = [value(leaf, m) for leaf, m in zip(x, slopes, strict=True)]
        found = _argument.masked(values, _argument.marked(name, argument, where))
        return argument.rebuild(found), argument.aux

    return _argument.attributing(method, f, name=name, argnums=argnums, has_aux=has_aux)
