"""Wrong calls: each raises its type, and says what was wanted, what came, and what to type next."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja

KEY = jax.random.key(0)
X = jnp.arange(6.0).reshape(3, 2)
IDS = jnp.array([1, 2, 3])
LOGITS = jnp.array([0.5, 2.0, 1.0])


def total(x):
    return x.sum()


def ig(x=X, f=total, **options):
    return ja.integrated_gradients(f, **({"baseline": jnp.zeros_like} | options))(x)


def drop(x=X, f=total, **options):
    return ja.occlusion(f, **({"perturb": ja.replace(0)} | options))(x)


def smooth(x=X, **options):
    return ja.smooth(ja.gradient(total), **({"key": KEY, "std": 0.1} | options))(x)


def over(xs, average=ja.mean_over, **options):
    return average(lambda b: ja.integrated_gradients(total, baseline=b), xs, **options)(X)


G, GI, P, S = ja.gradient, ja.gradient_times_input, ja.perturbed, ja.scores
ALL, SOME = jnp.ones((2, 3), bool), jnp.array([True, False, True])

# name: (call, error, what the message must hold: wanted, came, next)
WRONG = {
    "integer argument": (lambda: G(total)(IDS), TypeError, "floating point values, .*int32.3.*cut the score"),
    "boolean array argument": (lambda: GI(total)(IDS > 1), TypeError, "floating point values, .*bool.3.*cut the score"),
    "integer leaf": (
        lambda: G(lambda t: t["x"].sum())({"x": X, "ids": IDS}),
        TypeError,
        r"argument 0\['ids'\] is int32",
    ),
    "complex argument": (lambda: G(lambda x: abs(x).sum())(X + 1j), TypeError, "floating point values, .*complex64"),
    "integer argument of ig": (lambda: ig(IDS), TypeError, "integrated_gradients attributes to floating.*int32.3"),
    "integer argument of noise": (lambda: smooth(IDS), TypeError, "with_noise attributes to floating.*int32.3"),
    "score with axes": (lambda: G(lambda x: x.sum(0))(X), ValueError, "one number, but f returned float32.2.*Pick one"),
    "score of shape one": (lambda: ig(f=lambda x: x.sum()[None]), ValueError, "one number, .*float32.1.*Pick one"),
    "occlusion with axes": (lambda: drop(f=lambda x: x), ValueError, "occlusion explains one number, .*float32.3,2"),
    "integer score": (lambda: drop(IDS), TypeError, "floating point number, .*int32.*cast the score"),
    "score of no array": (lambda: G(lambda x: "seven")(X), TypeError, "one number, but f returned str"),
    "score of None": (lambda: G(lambda x: None)(X), TypeError, "one number, but f returned None"),
    "complex score": (lambda: G(lambda x: x.sum() * 1j)(X), TypeError, "floating point number, .*complex64"),
    "f not a function": (lambda: G(3.0), TypeError, "f to be a function, but got float.*gradient.lambda"),
    "f called too early": (lambda: ig(f=total(X)), TypeError, "f to be a function, but got float32"),
    "aux without a pair": (lambda: G(total, has_aux=True)(X), TypeError, r"return \(score, aux\).*Return a pair"),
    "argnums beyond": (lambda: G(total, argnums=1)(X), ValueError, "argument 1 of f, but 1 positional.*change argnums"),
    "argument by keyword": (lambda: G(total)(x=X), ValueError, "argument 0 of f, but 0 positional.*Pass the"),
    "argnums a string": (lambda: G(total, argnums="x")(X), TypeError, "argnums as an integer, but got str"),
    "argnums a boolean": (lambda: G(total, argnums=True)(X), TypeError, "argnums as an integer, but got bool"),
    "argument without arrays": (lambda: G(lambda x: 1.0)("text"), TypeError, "argument holds none.*pass arrays"),
    "empty text": (lambda: drop(jnp.zeros((0, 2))), ValueError, "at least one position, .*float32.0,2.*Leave empty"),
    "empty text of ids": (lambda: drop(jnp.zeros(0, int)), ValueError, "at least one position, .*an empty text"),
    "empty embedding": (lambda: ig(jnp.zeros((3, 0))), ValueError, "at least one position, .*float32.3,0"),
    "all padding": (lambda: drop(where=IDS < 0), ValueError, "real position, .*padding alone.*Leave such"),
    "all padding in gradient": (lambda: G(total, where=IDS < 0)(X), ValueError, "at least one real position"),
    "all padding in ig": (lambda: ig(where=np.zeros(3, bool)), ValueError, "at least one real position"),
    "baseline of another shape": (
        lambda: ig(baseline=jnp.zeros(2)),
        ValueError,
        "baseline like .*float32.3,2.*Nothing",
    ),
    "scalar baseline": (lambda: ig(baseline=0.0), ValueError, "baseline like .*Nothing broadcasts: write baseline=jnp"),
    "baseline of another dtype": (lambda: ig(baseline=jnp.zeros((3, 2), int)), TypeError, "like .*float32.*int32.3,2"),
    "half baseline": (lambda: ig(baseline=jnp.zeros((3, 2), jnp.bfloat16)), TypeError, "float32.3,2.*bfloat16.3,2"),
    "baseline of another tree": (lambda: ig(baseline=[X]), ValueError, "baseline as a pytree like .*give every leaf"),
    "baseline None": (lambda: ig(baseline=None), ValueError, "baseline as a pytree like the argument"),
    "baseline a string": (
        lambda: ig(baseline="zero"),
        TypeError,
        "baseline.* like float32.3,2.*got str.*Pass an array",
    ),
    "no baseline": (lambda: ja.integrated_gradients(total), TypeError, "baseline"),
    "zero nodes": (lambda: ig(steps=0), ValueError, "steps >= 1, but got 0.*Write steps=1"),
    "negative nodes": (lambda: ig(steps=-3), ValueError, "steps >= 1, but got -3"),
    "fractional nodes": (lambda: ig(steps=2.5), TypeError, "steps as a Python integer, but got float"),
    "nodes by name": (lambda: ig(nodes="trapezoid"), TypeError, "nodes to be a function, but got str.*midpoint"),
    "one node of a trapezoid": (lambda: ig(nodes=ja.trapezoid, steps=1), ValueError, "trapezoid wants steps >= 2"),
    "zero batch": (lambda: ig(batch_size=0), ValueError, "batch_size >= 1, but got 0"),
    "batch by name": (lambda: drop(batch_size="all"), TypeError, "batch_size as a Python integer, but got str"),
    "short where": (lambda: G(total, where=SOME[:2])(X), ValueError, r"where of shape .T. with T = 3.*bool.2.*Nothing"),
    "long where": (lambda: drop(where=jnp.ones(4, bool)), ValueError, r"where of shape .T. with T = 3.*bool.4"),
    "where of length one": (lambda: ig(where=jnp.ones(1, bool)), ValueError, "Nothing broadcasts"),
    "where with two axes": (lambda: G(total, where=ALL)(X), ValueError, r"where of shape .T. .*bool.2,3"),
    "integer where": (lambda: G(total, where=jnp.array([1, 0, 1]))(X), TypeError, "where as a boolean array.*int32.3"),
    "where as a list": (lambda: drop(where=[True, False, True]), TypeError, "boolean array.*got list.*astype"),
    "where of a scalar": (lambda: G(lambda x: x, where=SOME)(1.0), ValueError, "leading axis, .*is the scalar"),
    "where of two lengths": (
        lambda: G(lambda t: t[0].sum(), where=SOME)((X, X[:2])),
        ValueError,
        "one leading length, .*float32.3,2.*float32.2,2",
    ),
    "mask of the wrong length": (
        lambda: drop(keep=jnp.ones((5, 2), bool)),
        ValueError,
        r"keep of shape .n, T..*bool.5,2",
    ),
    "one mask alone": (lambda: drop(keep=SOME), ValueError, r"keep of shape .n, T. with T = 3.*bool.3"),
    "integer mask": (
        lambda: drop(keep=jnp.ones((2, 3), int)),
        TypeError,
        "keep as a boolean array .n, T., .*int32.2,3",
    ),
    "no masks": (lambda: drop(keep=jnp.ones((0, 3), bool)), ValueError, "at least one mask in keep, .*bool.0,3"),
    "perturbation not a function": (lambda: drop(perturb=0), TypeError, "perturb to be a function, .*delete.pad"),
    "perturbation that shortens": (lambda: drop(perturb=lambda x, k: x[:2]), ValueError, "perturb like .*float32.2,2"),
    "perturbation that casts": (
        lambda: P(total, keep=ALL, perturb=lambda x, k: x > 0)(X),
        TypeError,
        "the value of perturb like .*float32.3,2.*bool",
    ),
    "fill of another shape": (
        lambda: drop(perturb=ja.replace(jnp.zeros(3))),
        ValueError,
        "fill for x = .*Nothing broadc",
    ),
    "fill that ids cannot hold": (
        lambda: drop(IDS, perturb=ja.replace(0.5)),
        TypeError,
        "int32.3. can hold, .*0.5.*Cast",
    ),
    "padding of another tree": (lambda: drop(perturb=ja.delete({"a": 0})), ValueError, "a fill for each leaf of x"),
    "padding with positions": (lambda: drop(perturb=ja.delete(X)), ValueError, "delete wants a fill .*float32.3,2"),
    "mask given to delete": (lambda: ja.delete_left(0)(IDS, ALL), ValueError, r"delete_left wants keep of shape .T."),
    "zero length": (lambda: ja.leave_one_out(0), ValueError, "length >= 1, but got 0"),
    "length as an array": (lambda: ja.leave_one_out(IDS), TypeError, "length as a Python integer, but got int32.3"),
    "zero window": (lambda: ja.windows(3, 0), ValueError, "size >= 1, but got 0"),
    "stride beyond the window": (lambda: ja.windows(5, 2, stride=3), ValueError, "stride <= size.*Write stride=2"),
    "groups of floats": (lambda: ja.spans(jnp.zeros(3)), TypeError, "groups as integers .T., .*float32.3.*spans.\\[0"),
    "no group": (lambda: ja.spans([None, None]), ValueError, "number >= 1, but got 0"),
    "group beyond number": (
        lambda: ja.spans([0, 4], number=2),
        ValueError,
        "below number=2, but got 4.*number=5",
    ),
    "traced groups": (lambda: jax.jit(ja.spans)(IDS), TypeError, "number= when groups is traced"),
    "raw key": (lambda: smooth(key=jnp.zeros(2, jnp.uint32)), TypeError, "typed random key, .*uint32.2.*random.key"),
    "a seed": (lambda: smooth(key=0), TypeError, "typed random key, but got int32"),
    "several keys": (lambda: smooth(key=jax.random.split(KEY)), ValueError, "one key, but got .2,. of them"),
    "negative noise": (lambda: smooth(std=-0.1), ValueError, "std >= 0, but got -0.1.*try std=0.1"),
    "noise of another shape": (lambda: smooth(std=jnp.ones(2)), ValueError, "std as one number, .*float32.2"),
    "no draws": (lambda: smooth(samples=0), ValueError, "samples >= 1, but got 0"),
    "no background": (lambda: over(jnp.zeros((0, 3, 2))), ValueError, "leading length n >= 1, .*float32.0,3,2"),
    "backgrounds of two lengths": (lambda: over((X, X[:2])), ValueError, "one leading length n >= 1.*jnp.stack"),
    "one scalar background": (lambda: over(jnp.float32(0)), ValueError, "one leading length n >= 1"),
    "standard error of one": (lambda: over(X[None], ja.standard_error_over), ValueError, "two elements or more in xs"),
    "make not a function": (lambda: ja.variance_over(0, X), TypeError, "make to be a function, but got int"),
    "integer logits": (lambda: S.logit(IDS, 0), TypeError, "floating point logits .C., but got int32.3"),
    "batch of logits": (lambda: S.log_prob(X, 0), ValueError, "one example, .*float32.3,2.*vmap over the batch"),
    "label beyond": (lambda: S.prob(LOGITS, 3), ValueError, "between 0 and 2, but got 3"),
    "negative label": (lambda: S.margin(LOGITS, -1), ValueError, "between 0 and 2, but got -1"),
    "label of floats": (lambda: S.log_odds(LOGITS, 1.0), TypeError, "label as one integer, but got float32"),
    "several labels": (lambda: S.logit(LOGITS, IDS), TypeError, "label as one integer, but got int32.3"),
    "margin of one class": (lambda: S.margin(LOGITS[:1], 0), ValueError, "C >= 2, but got float32.1"),
    "too many classes": (lambda: S.top_k_mass(LOGITS, 4), ValueError, "k <= 3, .*but got 4.*Lower k"),
    "no classes": (lambda: S.top_k_mass(LOGITS, 0), ValueError, "k >= 1, but got 0"),
    "gap with another baseline": (
        lambda: ja.completeness_gap(total, X, X, jnp.zeros(2)),
        ValueError,
        "completeness_gap wants baseline like .*float32.3,2",
    ),
    "gap of a vector": (lambda: ja.completeness_gap(lambda x: x, X, X, X), ValueError, "completeness_gap explains one"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_call(name):
    call, error, message = WRONG[name]
    with pytest.raises(error, match=message) as raised:
        call()
    assert type(raised.value) is error


STAGED = [
    "integer argument",
    "score with axes",
    "empty text",
    "baseline of another shape",
    "short where",
    "zero nodes",
    "mask of the wrong length",
    "no background",
    "batch of logits",
]


@pytest.mark.parametrize("name", STAGED)
def test_the_same_error_while_staged(name):
    """From shapes alone, so also inside jit."""
    call, error, message = WRONG[name]
    with pytest.raises(error, match=message):
        jax.jit(call)()


def test_nan_parameters_are_never_hidden():
    """A NaN in the model is in the attribution, and in the gap."""
    weights = jnp.array([1.0, jnp.nan])

    def f(x):
        return (weights[None] * x).sum()

    a = ig(f=f)
    assert jnp.isnan(a).any()
    assert jnp.isnan(ja.completeness_gap(f, a, X, jnp.zeros_like(X)))
    assert jnp.isnan(drop(f=f)).all()
    assert jnp.isnan(G(f)(X)[:, 1]).all()


def test_nan_attributions_are_reported_by_the_gap():
    a = ig().at[0, 0].set(jnp.nan)
    assert jnp.isnan(ja.completeness_gap(total, a, X, jnp.zeros_like(X)))


def test_a_traced_label_outside_gives_nan_and_never_another_class():
    for score in (S.logit, S.prob, S.log_prob):
        assert jnp.isnan(jax.jit(score)(LOGITS, 3))
        assert jnp.isnan(jax.jit(score)(LOGITS, -1))
        assert jnp.isfinite(jax.jit(score)(LOGITS, 2))


def test_every_public_raise_is_tried():
    """As the package grows, so does this table."""
    assert len(WRONG) >= 35
