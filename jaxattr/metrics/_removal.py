"""One pass over an attribution's ranking, its reverse and random ones: the effect of the masks that each gives."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxattr import _argument, _checks, _masked
from jaxattr._argument import Argument
from jaxattr._draws import keys_of_draws
from jaxattr._masked import Masks
from jaxattr.effects import Effect
from jaxattr.masks import Perturbation
from jaxattr.metrics._rankings import check_attribution, first, order, poisoned, real_count
from jaxattr.perturbation import effects_of_masks


class Ranked(NamedTuple):
    """A measure of an attribution's ranking, beside the two rankings that it has to be told from.

    Attributes:
        given: for the ranking by the attribution, the largest first.
        reversed: for the ranking by the negated attribution, the smallest first.
        random: the mean over random rankings of the real positions.
    """

    given: Any
    reversed: Any
    random: Any


class Ways(NamedTuple):
    """How a measure removes, compares and evaluates."""

    name: str
    perturb: Perturbation
    key: Any
    effect: Effect
    where: Any
    random_rankings: int
    batch_size: int | None


def measured(
    f: Callable[[Any], Any],
    attribution: Any,
    x: Any,
    ways: Ways,
    count: Callable[[Any], Any],
    stays: Callable[[Any], Any],
) -> Ranked:
    """The effects for the masks `stays(first count[n] places)` of each ranking, evaluated together."""
    name, where = ways.name, ways.where
    _checks.check_function(name, "perturb", ways.perturb, "perturb=jaxattr.delete(pad)")
    _checks.check_function(name, "effect", ways.effect, "effect=jaxattr.effects.kl")
    _checks.check_batch_size(name, ways.batch_size)
    _checks.check_count(name, "random_rankings", ways.random_rankings)
    _checks.check_key(name, ways.key)
    scores = check_attribution(name, "attribution", attribution, where)
    keys = keys_of_draws(ways.key, ways.random_rankings)
    rivals = [scores, -scores, *(jax.random.uniform(key, scores.shape, jnp.float32) for key in keys)]

    def method(argument: Argument) -> tuple[Any, Any]:
        if _checks.leading_length(name, argument.leaves, argument.paths) != len(scores):
            raise ValueError(
                f"{name} wants one attribution for each position, T = {len(argument.leaves[0])}, but got "
                f"{_checks.describe(attribution)}. Give words of several sub-tokens an attribution for each sub-token."
            )
        tops = jnp.stack([first(order(rival, where), count(scores)) for rival in rivals])
        keep = stays(tops) if where is None else stays(tops) | ~jnp.asarray(where)[None, None]
        flat = keep.reshape(-1, keep.shape[-1])
        masks = Masks(flat, None, lambda value: value(slice(None)))
        effects = effects_of_masks(name, argument, masks, ways.effect, _masked.Ways(ways.perturb, ways.batch_size))
        return jax.tree.map(lambda e: e.reshape(*keep.shape[:2], *e.shape[1:]), effects), None

    all_rankings = _argument.attributing(method, f, name=name, argnums=0, has_aux=False, integers=True, scalar=False)(x)
    given, backwards, random = (
        jax.tree.map(take, all_rankings) for take in (lambda e: e[0], lambda e: e[1], lambda e: e[2:].mean(0))
    )
    return poisoned(Ranked(given, backwards, random), jnp.where(real_count(scores, where) > 0, scores, jnp.nan))
