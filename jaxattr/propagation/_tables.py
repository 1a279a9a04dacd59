"""The rule tables: plain dictionaries from the name of a primitive to its rule."""

from collections.abc import Mapping

import jax.numpy as jnp

from jaxattr.propagation import _backprop, _layers, _relevance, _reveal_cancel
from jaxattr.propagation._elementwise import comparison, elementwise
from jaxattr.propagation._maxima import any_or_all, maximum
from jaxattr.propagation._routes import followed, moved, order, read
from jaxattr.propagation._rules import (
    choice,
    linear,
    movement,
    passed,
    product,
    product_of_all,
    quotient,
    solve,
    stopped,
)
from jaxattr.propagation._values import Rule

Rules = Mapping[str, Rule]

_UNARY = (
    "abs acos acosh asin asinh atan atanh cbrt ceil clamp copy convert_element_type cos cosh digamma erf erf_inv erfc "
    "exp exp2 expm1 floor integer_pow is_finite lgamma log log1p log2 logistic neg not one_minus_square "
    "reduce_precision round rsqrt sign sin sinh sqrt square tan tanh bessel_i0e bessel_i1e"
).split()

_JOINT = "and or xor atan2 pow rem nextafter".split()

_COMPARISONS = "eq ne lt le gt ge".split()

_LINEAR = (
    "reduce_sum cumsum concatenate stack pad dynamic_slice dynamic_update_slice gather scatter scatter-add scatter_add "
    "reduce_window_sum psum psum_invariant add_any select_and_scatter_add split unstack real imag"
).split()

_MOVEMENTS = (
    "broadcast_in_dim reshape squeeze expand_dims transpose rev slice sharding_constraint reshard optimization_barrier "
    "name copy_p device_put pvary pcast"
).split()

_GATHERS = "concatenate pad gather dynamic_slice split unstack".split()

DEEPLIFT: Rules = {
    **dict.fromkeys(_UNARY, elementwise()),
    **dict.fromkeys(_JOINT, elementwise()),
    **dict.fromkeys(("add", "sub"), elementwise(linear)),
    **dict.fromkeys(_COMPARISONS, elementwise(comparison)),
    **dict.fromkeys(_LINEAR, linear),
    **dict.fromkeys(("concatenate", "pad"), followed(linear, moved)),
    **dict.fromkeys(("gather", "dynamic_slice"), followed(linear, read, moved)),
    **dict.fromkeys(_MOVEMENTS, followed(movement, moved)),
    **dict.fromkeys(("sort", "top_k", "argmax", "argmin"), order),
    **dict.fromkeys(("optimization_barrier", "device_put"), passed),
    **dict.fromkeys(("max", "min"), elementwise(maximum)),
    **dict.fromkeys(
        ("reduce_max", "reduce_min", "reduce_window_max", "reduce_window_min", "cummax", "cummin"), maximum
    ),
    **dict.fromkeys(("dot_general", "conv_general_dilated"), product),
    "mul": elementwise(product),
    "div": elementwise(quotient),
    "select_n": followed(elementwise(choice), read),
    **dict.fromkeys(("reduce_and", "reduce_or"), any_or_all),
    "reduce_prod": product_of_all,
    "triangular_solve": solve,
    "stop_gradient": stopped,
}

REVEAL_CANCEL: Rules = {
    **DEEPLIFT,
    **{name: _reveal_cancel.revealed(DEEPLIFT[name]) for name in (*_UNARY, *_JOINT, *_COMPARISONS)},
    **{name: _reveal_cancel.revealed(DEEPLIFT[name]) for name in ("mul", "div", "max", "min", "select_n")},
    **{name: _reveal_cancel.carried(DEEPLIFT[name]) for name in (*_MOVEMENTS, *_GATHERS)},
    **dict.fromkeys(("add", "sub"), _reveal_cancel.revealed(elementwise(_reveal_cancel.weighed))),
    **dict.fromkeys(("reduce_sum", "cumsum", "reduce_window_sum", "add_any", "psum"), _reveal_cancel.weighed),
    **dict.fromkeys(("dot_general", "conv_general_dilated"), _reveal_cancel.layer),
}

_ROUTES = "sort top_k argmax argmin reduce_and reduce_or reduce_max reduce_min cummax cummin".split()
_WINDOWS = "reduce_window_max reduce_window_min".split()


def lrp_rules(how: _layers.Layer, *, stabiliser: float = 1e-6) -> Rules:
    """The table of relevance propagation with one rule for all linear layers.

    Activations pass relevance on unchanged (the identity rule), sums share it in proportion, maxima and sorts give it
    to the winner, normalisers are fixed. A product of two values that both carry relevance has no rule: see `ATTN_LRP`.

    Args:
        how: the rule of linear layers, :func:`epsilon`, :func:`gamma` or :func:`alpha_beta`.
        stabiliser: keeps sums of two values that both carry relevance away from 0; residual sums cancel seldom, the
            centring of LayerNorm often.

    Returns:
        A table for :func:`jaxattr.lrp`.

    Example:
        >>> table = lrp_rules(ja.propagation.gamma(0.25))
        >>> table["dot_general"] is table["conv_general_dilated"]
        True

    References:
        :cite:`bach2015pixel`; :cite:`montavon2019layer` for which rule suits which layer.
    """
    linear_layer = _layers.layer(how, _relevance.refuse_product)
    return {
        **dict.fromkeys((*_UNARY, *_JOINT), _relevance.unit()),
        **dict.fromkeys(("convert_element_type", "copy", "neg", "reduce_precision"), _relevance.unit(affine=True)),
        **dict.fromkeys(_COMPARISONS, _relevance.unit(_relevance.fixed)),
        **dict.fromkeys(_LINEAR, _relevance.zeroed(linear)),
        **dict.fromkeys(_MOVEMENTS, _relevance.moved),
        **dict.fromkeys(("optimization_barrier", "device_put"), passed),
        "triangular_solve": _relevance.zeroed(solve),
        **dict.fromkeys(("dot_general", "conv_general_dilated"), linear_layer),
        **dict.fromkeys((*_ROUTES, *_WINDOWS), _relevance.slope),
        **dict.fromkeys(("max", "min"), _relevance.unit(_relevance.slope)),
        **dict.fromkeys(("exp", "log"), _relevance.exponential),
        **dict.fromkeys(("add", "sub"), _relevance.add_or_subtract(stabiliser)),
        "mul": _relevance.unit(_relevance.refuse_product, affine=True),
        "div": _relevance.divided,
        "rsqrt": _relevance.fixed,
        "sqrt": _relevance.rooted,
        "pow": _relevance.power,
        "select_n": _relevance.chosen,
        "stop_gradient": _relevance.shift,
    }


LRP_EPSILON: Rules = lrp_rules(_layers.epsilon())
LRP_GAMMA: Rules = lrp_rules(_layers.gamma())
LRP_Z_PLUS: Rules = lrp_rules(_layers.alpha_beta(1.0, 0.0))
LRP_ALPHA_BETA: Rules = lrp_rules(_layers.alpha_beta(2.0, 1.0))


def attn_lrp_rules(how: _layers.Layer, *, stabiliser: float = 1e-6) -> Rules:
    """The table of AttnLRP: as `lrp_rules`, and products of two moving values share their relevance in halves.

    Softmax passes relevance by its derivative, which is the first-order rule of the paper.

    Args:
        how: the rule of linear layers.
        stabiliser: as in `lrp_rules`.

    Returns:
        A table for :func:`jaxattr.lrp`.

    Example:
        >>> sorted(attn_lrp_rules(ja.propagation.epsilon()))[:2]
        ['abs', 'acos']

    References:
        :cite:`achtibat2024attnlrp`, arXiv:2402.05602, section 3.
    """
    linear_layer = _layers.layer(how, _relevance.half)
    return {
        **lrp_rules(how, stabiliser=stabiliser),
        **dict.fromkeys(("dot_general", "conv_general_dilated"), linear_layer),
        "mul": _relevance.unit(_relevance.half, affine=True),
    }


ATTN_LRP: Rules = attn_lrp_rules(_layers.epsilon())

_SLOPES: Rules = dict.fromkeys({*DEEPLIFT, *_ROUTES}, _relevance.slope)

_ACTIVATIONS: Rules = {"custom_jvp_call": _backprop.activation}

GUIDED: Rules = {**_SLOPES, **_ACTIVATIONS, "max": _backprop.relu(lambda x: x > 0)}
DECONVNET: Rules = {**_SLOPES, **_ACTIVATIONS, "max": _backprop.relu(lambda x: jnp.ones_like(x, bool))}
