"""Wrong calls of effects, fills, groups and measures: each says what was wanted, what came, and what to type next."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja

KEY = jax.random.key(0)
IDS, X, Z = jnp.array([1, 2, 3]), jnp.ones((3, 2)), jnp.array([0.0, 1.0, 2.0])
A = jnp.array([0.1, 0.2, 0.3])
E, F, G, M = ja.effects, ja.fills, ja.groups, ja.metrics


def logits(ids):
    return jnp.stack([(ids == 1).sum(), (ids == 2).sum()]).astype(float)


def comp(attribution=A, x=IDS, f=logits, measure=M.comprehensiveness_eraser, **options):
    return measure(f, attribution, x, **({"perturb": ja.delete(0), "key": KEY} | options))


def drop(effect, f=logits, **options):
    return ja.occlusion(f, perturb=ja.delete(0), effect=effect, **options)(IDS)


def fill(value, x=IDS):
    return ja.replace(value)(x, jnp.array([True, False, True]))


WRONG = {
    "vector without effect": (lambda: drop(None), ValueError, "occlusion explains one number, .*float32.2.*Pick one"),
    "effect by name": (lambda: drop("kl"), TypeError, "effect to be a function, but got str.*jaxattr.effects.kl"),
    "effect of no number": (lambda: drop(lambda a, b: "far"), TypeError, "effect to return numbers, .*str.*effects.kl"),
    "probabilities of a batch": (lambda: E.kl(X, X), ValueError, "logits .C. of one example.*float32.3,2.*vmap"),
    "integer logits": (lambda: E.js(IDS, IDS), TypeError, "floating point logits .C., but got int32.3"),
    "classes of two sizes": (lambda: E.l1(Z, Z[:2]), ValueError, "same classes, .*float32.3.*float32.2.*every text"),
    "too many classes": (lambda: E.hellinger(Z, Z, k=4), ValueError, "k <= 3, .*but got 4. Lower k"),
    "no classes": (lambda: E.l1(Z, Z, k=0), ValueError, "k >= 1, but got 0"),
    "k as an array": (lambda: E.l1(Z, Z, k=jnp.array(2)), TypeError, "k as a Python integer, but got int32"),
    "score by name": (lambda: E.predicted("prob"), TypeError, "score to be a function, .*scores.log_prob"),
    "score of a batch": (lambda: E.predicted(ja.scores.prob)(X, X), ValueError, "predicted wants logits .C."),
    "no levels": (
        lambda: drop(E.l1, keep={}),
        ValueError,
        "at least one mask in keep, .*without arrays.*leave_one_out",
    ),
    "level of another length": (
        lambda: drop(E.l1, keep=(ja.leave_one_out(3), ja.leave_one_out(4))),
        ValueError,
        r"keep of shape .n, T. with T = 3.*bool.4,4",
    ),
    "mean of ids": (lambda: fill(F.text_mean()), TypeError, "text_mean wants floating.*int32.3.*fills.drawn"),
    "mean over another length": (
        lambda: fill(F.text_mean(where=np.ones(2, bool)), X),
        ValueError,
        r"text_mean wants where of shape .T. with T = 3",
    ),
    "mean of a scalar": (lambda: F.text_mean()(1.0), ValueError, "text_mean wants positions along the leading axis"),
    "draws of integers": (
        lambda: F.drawn(IDS, key=KEY),
        TypeError,
        "logits .V. or .T, V., but got int32.3.*log counts",
    ),
    "draws of a batch": (lambda: F.drawn(X[None], key=KEY), ValueError, "logits .V. or .T, V., .*float32.1,3,2.*vmap"),
    "draws by a seed": (lambda: F.drawn(Z, key=0), TypeError, "drawn wants a typed random key"),
    "draws by two keys": (lambda: F.drawn(Z, key=jax.random.split(KEY)), ValueError, "one key, but got .2"),
    "draws for embeddings": (lambda: fill(F.drawn(Z, key=KEY), X), TypeError, "token ids, integers .T., .*float32.3,2"),
    "draws for another length": (lambda: fill(F.drawn(X[:2], key=KEY)), ValueError, "T = 3, .*float32.2,2.*one a pos"),
    "sentences of a string": (lambda: G.sentences("a b."), TypeError, "tokens as a list .*one string.*Tokenize"),
    "sentences of ids": (lambda: G.sentences([1, 2]), TypeError, "strings or None, but got .'int', 'int'"),
    "groups of floats": (lambda: G.of_positions(Z, IDS), TypeError, "groups as integers .T., .*float32.3"),
    "word ids of floats": (lambda: G.of_positions(IDS, Z), TypeError, "word_ids as integers .T., .*float32.3"),
    "word without a group": (lambda: G.of_positions([0, 1], [0, 2]), ValueError, "word 2 and 2 groups.*all W words"),
    "attribution of embeddings": (lambda: comp(X), ValueError, r"attribution of shape .T..*float32.3,2.*\.sum\(-1\)"),
    "attribution of booleans": (lambda: comp(IDS > 1), TypeError, "real numbers .T., but got bool.3.*a transform"),
    "attribution of complex numbers": (lambda: comp(A + 1j), TypeError, "real numbers .T., .*complex64.*real part"),
    "attribution of another length": (lambda: comp(A[:2]), ValueError, "each position, T = 3, .*float32.2.*sub-token"),
    "empty attribution": (lambda: comp(A[:0]), ValueError, "attribution of shape .T., .*float32.0"),
    "nan attribution": (lambda: comp(A / 0 * 0), ValueError, "without NaN, but 3 of 3 positions.*debug_nans"),
    "no removal": (lambda: M.aopc_samek(logits, A, IDS, key=KEY), TypeError, "perturb"),
    "removal by name": (lambda: comp(perturb="mask"), TypeError, "perturb to be a function, .*delete.pad"),
    "no key": (lambda: comp(key=0), TypeError, "comprehensiveness_eraser wants a typed random key"),
    "no random rankings": (lambda: comp(random_rankings=0), ValueError, "random_rankings >= 1, but got 0"),
    "fraction nought": (lambda: comp(fractions=[0.0, 0.5]), ValueError, "above 0 and up to 1, .*0.0, 0.5.*Write fr"),
    "fraction in per cent": (lambda: comp(fractions=[20]), ValueError, "above 0 and up to 1, but got .20."),
    "no fraction": (lambda: comp(fractions=()), ValueError, "above 0 and up to 1"),
    "nan fraction": (lambda: comp(fractions=[np.nan]), ValueError, "above 0 and up to 1"),
    "one fraction alone": (lambda: comp(fractions=0.2), TypeError, "fractions as a sequence of numbers, but got float"),
    "fractions as text": (lambda: comp(fractions="0.2"), TypeError, "sequence of numbers, but got str"),
    "measure of a number": (lambda: comp(f=lambda ids: logits(ids)[0]), ValueError, "logits .C. of one example"),
    "measure of padding alone": (lambda: comp(where=IDS < 0), ValueError, "at least one real position"),
    "short where": (lambda: comp(where=(IDS > 0)[:2]), ValueError, r"where of shape .T. with T = 3"),
    "sufficiency of nan": (
        lambda: comp(A / 0 * 0, measure=M.sufficiency_eraser),
        ValueError,
        "sufficiency_eraser wants attribution without NaN",
    ),
    "log-odds with a bad batch": (
        lambda: comp(measure=M.log_odds_dig, batch_size=0),
        ValueError,
        "log_odds_dig wants batch_size >= 1",
    ),
    "marks of a fraction above one": (lambda: M.most_important(A, [1.5]), ValueError, "most_important wants fractions"),
    "mean of a number": (lambda: M.aopc_eraser(1.0), ValueError, "fractions along the last axis, .*Pass the value"),
    "agreement of two lengths": (lambda: M.spearman(A, A[:2]), ValueError, "one text, .*float32.3.*float32.2.*Merge"),
    "agreement of embeddings": (lambda: M.pearson(X, X), ValueError, r"pearson wants a of shape .T.,.*float32.3,2"),
    "agreement with words": (lambda: M.kendall_tau(A, ["a"]), TypeError, "kendall_tau wants b as real numbers .T."),
    "error of one row": (lambda: M.standard_error(A[:1]), ValueError, "two rows or more, .*float32.1.*vmap"),
    "error of two lengths": (lambda: M.standard_error((A, X[:2])), ValueError, "one leading axis of two rows or more"),
    "error of a number": (lambda: M.standard_error(1.0), ValueError, "two rows or more"),
    "error where": (lambda: M.standard_error(A, where=A > 5), ValueError, "standard_error wants at least one real"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_call(name):
    call, error, message = WRONG[name]
    with pytest.raises(error, match=message) as raised:
        call()
    assert type(raised.value) is error


@pytest.mark.parametrize("name", ["attribution of embeddings", "fraction nought", "classes of two sizes", "no levels"])
def test_the_same_error_while_staged(name):
    call, error, message = WRONG[name]
    with pytest.raises(error, match=message):
        jax.jit(call)()
