"""The rule tables: plain dictionaries from the name of a primitive to its rule."""

from collections.abc import Mapping

from jaxattr.propagation._elementwise import Rule, comparison, elementwise
from jaxattr.propagation._rules import choice, linear, maximum, movement, passed, product, quotient, solve, stopped

Rules = Mapping[str, Rule]

_UNARY = (
    "abs acos acosh asin asinh atan atanh cbrt ceil clamp copy convert_element_type cos cosh digamma erf erf_inv erfc "
    "exp exp2 expm1 floor integer_pow is_finite lgamma log log1p log2 logistic neg not one_minus_square "
    "reduce_precision round rsqrt sign sin sinh sqrt square tan tanh bessel_i0e bessel_i1e"
).split()

_JOINT = "and or xor atan2 pow rem nextafter".split()

_LINEAR = (
    "reduce_sum cumsum concatenate pad dynamic_slice dynamic_update_slice gather scatter scatter-add scatter_add "
    "reduce_window_sum psum psum_invariant add_any select_and_scatter_add split triangular_solve real imag"
).split()

_MOVEMENTS = (
    "broadcast_in_dim reshape squeeze expand_dims transpose rev slice sharding_constraint reshard optimization_barrier "
    "name copy_p device_put pvary pcast"
).split()

DEEPLIFT: Rules = {
    **dict.fromkeys(_UNARY, elementwise()),
    **dict.fromkeys(_JOINT, elementwise()),
    **dict.fromkeys(("add", "sub"), elementwise(linear)),
    **dict.fromkeys(("eq", "ne", "lt", "le", "gt", "ge"), elementwise(comparison)),
    **dict.fromkeys(_LINEAR, linear),
    **dict.fromkeys(_MOVEMENTS, movement),
    **dict.fromkeys(("optimization_barrier", "device_put"), passed),
    **dict.fromkeys(("max", "min"), elementwise(maximum)),
    **dict.fromkeys(
        ("reduce_max", "reduce_min", "reduce_window_max", "reduce_window_min", "cummax", "cummin"), maximum
    ),
    **dict.fromkeys(("dot_general", "conv_general_dilated"), product),
    "mul": elementwise(product),
    "div": elementwise(quotient),
    "select_n": elementwise(choice),
    "triangular_solve": solve,
    "stop_gradient": stopped,
}
