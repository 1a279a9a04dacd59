"""Every transform in one table, each as `transform(f, **options)` at small sizes."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jaxattr as ja

T, D = 4, 3
X = jnp.asarray(np.random.default_rng(0).normal(size=(T, D)), jnp.float32)
W = jnp.asarray(np.random.default_rng(1).normal(size=(T, D)), jnp.float32)
SEED = 3


def score(x: Any) -> Any:
    """A smooth score of `[T, D]` at any length, in which all entries interact."""
    table = np.random.default_rng(2).normal(size=(6, D)).astype(np.float32)[: len(x)].astype(x.dtype)
    s = (x * table).sum(-1)
    return jnp.tanh(s.sum() / 2) + jnp.sin(x).sum() / 5 + (s[1:] * s[:-1]).sum() / 7


class Transform(NamedTuple):
    """A transform with its options filled in, and what the contract asks of it."""

    name: str
    make: Callable[..., Any]
    covers: tuple
    like: str = "argument"
    calls: int = 1
    has_aux: bool = True
    argnums: bool = True
    where: bool = True
    signature: bool = True
    random: bool = False
    squared: bool = False
    keeps_dtype: bool = False
    keeps_static: bool = True
    any_length: bool = True
    tolerance: float = 1e-5

    def __call__(self, f: Callable[..., Any], **options: Any) -> Callable[..., Any]:
        """The transformed function."""
        return self.make(f, **options)


def close(actual: Any, desired: Any, tolerance: float) -> None:
    """Equal structure, and equal numbers up to a tolerance that is relative and absolute."""
    assert jax.tree.structure(actual) == jax.tree.structure(desired)
    for a, b in zip(jax.tree.leaves(actual), jax.tree.leaves(desired), strict=True):
        if isinstance(b, str):
            assert a == b
        else:
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def traced(f: Callable[..., Any]) -> tuple[Callable[..., Any], Callable[[], int]]:
    """f, and how often Python has called it."""
    count = 0

    def counted(*args: Any) -> Any:
        nonlocal count
        count += 1
        return f(*args)

    return counted, lambda: count


def _halves(x: Any) -> Any:
    return jax.tree.map(lambda a: a / 2 if ja._checks.is_array(a) else a, x)


def _integrated(f, **options):
    return ja.integrated_gradients(f, baseline=_halves, steps=4, **options)


def _by_pieces(f, **options):
    def path(x):
        return jax.tree.map(lambda a: jnp.stack([a / 2, a * 0.6, a]) if ja._checks.is_array(a) else a, x)

    return ja.path_integrated_gradients(f, path=path, **options)


def _smooth(average):
    def make(f, *, batch_size=None, where=None, **options):
        inner = ja.gradient(f, where=where, **options)
        return average(
            inner, key=jax.random.key(SEED), std=0.1, samples=5, where=where, batch_size=batch_size, **options
        )

    return make


def _with_noise(f, *, where=None, argnums=0, has_aux=False):
    inner = ja.gradient(f, where=where, argnums=argnums, has_aux=has_aux)
    return ja.with_noise(inner, key=jax.random.key(SEED), std=0.1, where=where, argnums=argnums)


def _over(average, **fixed):
    """An average over five baselines, each a multiple of x, so that any structure and length goes."""

    def make(f, *, batch_size=None, where=None, argnums=0, has_aux=False):
        def one(k):
            def baseline(x):
                return jax.tree.map(lambda a: k.astype(a.dtype) * a if ja._checks.is_array(a) else a, x)

            return ja.integrated_gradients(f, baseline=baseline, steps=3, where=where, argnums=argnums, has_aux=has_aux)

        more = {"has_aux": True} if has_aux else {}
        return average(one, jnp.linspace(-1, 0.5, 5), batch_size=batch_size, **more)

    return make


def _embedding(f, *, where=None, has_aux=False):
    """The argument is a table, or a tree of tables, each looked up row by row: the embedding then equals it."""

    @functools.wraps(f)
    def looked_up(tables, *args, **kwargs):
        return f(jax.tree.map(lambda table: table[jnp.arange(len(table))], tables), *args, **kwargs)

    return ja.grad_wrt_embedding(looked_up, at=lambda tables, *args, **kwargs: tables, where=where, has_aux=has_aux)


def _occlusion(f, *, argnums=0, **options):
    return ja.occlusion(f, perturb=_zeroed, argnums=argnums, **options)


def _perturbed(f, *, where=None, **options):
    keep = ja.leave_one_out(T if where is None else len(where))
    return ja.perturbed(f, keep=keep, perturb=_zeroed, where=where, **options)


def _zeroed(x: Any, keep: Any) -> Any:
    """A perturbation like `replace(0)`, for an x with leaves that are not arrays."""
    return ja.replace(jax.tree.map(lambda a: 0 if ja._checks.is_array(a) else a, x))(x, keep)


def _game(method: Callable[..., Any], **fixed: Any) -> Callable[..., Any]:
    """A method over the masks of four players, with positions as players."""

    def make(f, **options):
        return method(f, perturb=_zeroed, **fixed, **options)

    return make


def _drawn(method: Callable[..., Any], **fixed: Any) -> Callable[..., Any]:
    return _game(method, key=jax.random.key(SEED), **fixed)


def _owen(f, *, where=None, **options):
    length = T if where is None else len(where)
    return ja.shapley.owen(f, tree=(0, ((1, 2), *range(3, length))), perturb=_zeroed, where=where, **options)


def _row_sums(method: Callable[..., Any], **fixed: Any) -> Callable[..., Any]:
    """Pairs `[n, n]` summed over the second player, with the players of a method that gives one number each."""

    def make(f, *, has_aux=False, **options):
        explained = method(f, has_aux=has_aux, **fixed, **options)

        @functools.wraps(f, updated=())
        def summed(*args, **kwargs):
            result = explained(*args, **kwargs)
            return (result[0].sum(-1), result[1]) if has_aux else result.sum(-1)

        return summed

    return make


TRANSFORMS = [
    Transform("gradient", ja.gradient, ("gradient",), keeps_dtype=True),
    Transform("gradient_times_input", ja.gradient_times_input, ("gradient_times_input",)),
    Transform(
        "finite_differences",
        functools.partial(ja.finite_differences, step=1),
        ("finite_differences",),
        calls=3,
        tolerance=1e-4,  # the rounding of a score near 500, divided by the step
    ),
    Transform("integrated_gradients", _integrated, ("integrated_gradients",), calls=2),
    Transform("path_integrated_gradients", _by_pieces, ("path_integrated_gradients",), calls=2, where=False),
    Transform("smooth(gradient)", _smooth(ja.smooth), ("smooth",), random=True),
    Transform("vargrad(gradient)", _smooth(ja.vargrad), ("vargrad",), random=True, squared=True),
    Transform("with_noise(gradient)", _with_noise, ("with_noise",), has_aux=False, random=True, keeps_dtype=True),
    Transform("mean_over(integrated_gradients)", _over(ja.mean_over), ("mean_over",), calls=2, signature=False),
    Transform(
        "variance_over(integrated_gradients)",
        _over(ja.variance_over),
        ("variance_over",),
        calls=2,
        signature=False,
        has_aux=False,
        squared=True,
    ),
    Transform(
        "standard_error_over(integrated_gradients)",
        _over(ja.standard_error_over),
        ("standard_error_over",),
        calls=2,
        signature=False,
        has_aux=False,
    ),
    Transform(
        "grad_wrt_embedding",
        _embedding,
        ("grad_wrt_embedding",),
        calls=3,
        argnums=False,
        keeps_dtype=True,
        keeps_static=False,
    ),
    Transform("deep_lift", functools.partial(ja.deep_lift, baseline=_halves), ("deep_lift",), calls=3),
    Transform("lrp", functools.partial(ja.lrp, rules=ja.propagation.ATTN_LRP), ("lrp",), calls=3),
    Transform("guided_backprop", ja.guided_backprop, ("guided_backprop",), calls=3),
    Transform("deconvnet", ja.deconvnet, ("deconvnet",), calls=3),
    Transform(
        "integrated_hessians",
        _row_sums(ja.integrated_hessians, baseline=_halves, steps=3),
        ("integrated_hessians",),
        like="positions",
        calls=2,
    ),
    Transform("occlusion", _occlusion, ("occlusion",), like="positions"),
    Transform("perturbed", _perturbed, ("perturbed",), like="values", any_length=False),
    Transform("shapley.exact", _game(ja.shapley.exact), ("shapley.exact",), like="positions"),
    Transform("shapley.banzhaf", _game(ja.shapley.banzhaf), ("shapley.banzhaf",), like="positions"),
    Transform("shapley.owen", _owen, ("shapley.owen",), like="positions", any_length=False),
    Transform(
        "shapley.interactions",
        _row_sums(ja.shapley.interactions, perturb=_zeroed),
        ("shapley.interactions",),
        like="positions",
    ),
    Transform(
        "shapley.arch_detect",
        _row_sums(ja.shapley.arch_detect, perturb=_zeroed),
        ("shapley.arch_detect",),
        like="positions",
        squared=True,
    ),
    *(
        Transform(name, _drawn(method, samples=samples), (name,), like="positions", random=True)
        for name, method, samples in (
            ("shapley.permutation", ja.shapley.permutation, 2),
            ("shapley.permutation_error", ja.shapley.permutation_error, 3),
            ("shapley.kernel", ja.shapley.kernel, 12),
            ("shapley.kernel_error", ja.shapley.kernel_error, 12),
            ("lime", ja.lime, 20),
            ("lime_error", ja.lime_error, 20),
            ("rise", ja.rise, 12),
            ("rise_error", ja.rise_error, 12),
        )
    ),
]
GAMES = [t.name for t in TRANSFORMS if t.like == "positions" and t.name not in ("occlusion", "integrated_hessians")]
BATCHED = [
    t
    for t in TRANSFORMS
    if t.name in GAMES
    or t.name in ("finite_differences", "integrated_gradients", "path_integrated_gradients", "integrated_hessians")
    or t.name in ("smooth(gradient)", "vargrad(gradient)", "occlusion", "perturbed")
    or "_over" in t.name
]
LIKE_X = {t.name for t in TRANSFORMS if t.like == "argument"}
