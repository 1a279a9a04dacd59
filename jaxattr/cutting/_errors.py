"""The error of the cut."""


class CutError(ValueError):
    """A score that cannot be cut where the user asked: nothing found there, several places found, or a barrier.

    Example:
        >>> try:
        ...     ja.cut(lambda x: x.sum(), at="layer3")[0](jnp.ones(2))
        ... except ja.CutError as error:
        ...     print(str(error)[:53])
        f gives no value the name 'layer3'. It names nothing.
    """
