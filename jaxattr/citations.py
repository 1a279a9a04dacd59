"""What to cite for a method: the entries that its documentation names, as BibTeX."""

import importlib
import importlib.resources
import re
from collections.abc import Callable
from typing import Any

_CITED = re.compile(r":cite:(?:\w+:)?`([^`]+)`")
_ENTRY = re.compile(r"@\w+\{([^,\s]+),")


def cite(*methods: Callable[..., Any] | str) -> str:
    r"""The BibTeX entries of the papers behind methods, those that their documentation cites.

    $$\{m_1, \dots, m_n\} \mapsto \bigcup_i \mathrm{cited}(m_i)$$

    Args:
        methods: public functions or classes of jaxattr, or their names, such as `"shapley.kernel"`.

    Returns:
        BibTeX, each entry once, in the order in which they are cited. **Unit**: none.

    Raises:
        ValueError: a method that cites nothing or that there is not.

    Example:
        >>> import jaxattr as ja
        >>> print(cite(ja.integrated_gradients)[:43])
        @inproceedings{sundararajan2017axiomatic, t
        >>> cite("integrated_gradients") == cite(ja.integrated_gradients)
        True

    References:
        The entries of :cite:`jax2018github` stand for what is JAX's own.
    """
    entries, found = bibliography(), dict[str, str]()
    for method in methods:
        keys = keys_of(method)
        if not keys:
            raise ValueError(
                f"cite wants public functions of jaxattr, or their names, but {method!r} is none that cites a paper. "
                'For example cite(jaxattr.integrated_gradients) or cite("shapley.kernel").'
            )
        found.update((key, entries[key]) for key in keys)
    return "\n".join(found.values())


def keys_of(method: Callable[..., Any] | str) -> list[str]:
    """The keys that the documentation of a method names, in order; none where there is no such method."""
    found: Any = method
    if isinstance(method, str):
        found = importlib.import_module("jaxattr")
        for part in method.split("."):
            found = getattr(found, part, None)
    text = getattr(found, "__doc__", None) or ""
    return list(dict.fromkeys(key.strip() for group in _CITED.findall(text) for key in group.split(",")))


def bibliography() -> dict[str, str]:
    """All entries that jaxattr cites, by key."""
    text = (importlib.resources.files("jaxattr") / "references.bib").read_text(encoding="utf-8")
    begins = list(_ENTRY.finditer(text))
    ends = [*(entry.start() for entry in begins[1:]), len(text)]
    return {entry[1]: text[entry.start() : end].strip() for entry, end in zip(begins, ends, strict=True)}
