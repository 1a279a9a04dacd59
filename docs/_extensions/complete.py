"""The build fails where a public name has no entry: what is not in the documentation does not exist for its reader."""

import inspect
import re
import types

import jaxattr

_EXPORT = re.compile(r"^from \S+ import \w+ as ([a-zA-Z]\w*)", re.MULTILINE)


def public_names(module=jaxattr):
    """Every name that `jaxattr` or one of its public modules exports, by its full path, with what it stands for."""
    for name in _exported(module):
        value = getattr(module, name)
        if isinstance(value, types.ModuleType):
            yield from public_names(value)
        else:
            yield f"{module.__name__}.{name}", value


def _exported(module):
    """What the source of a module exports: `import x as X`, or else its own functions and classes."""
    if exported := _EXPORT.findall(inspect.getsource(module)):
        return exported
    own = {n: v for n, v in vars(module).items() if getattr(v, "__module__", None) == module.__name__}
    return [name for name in own if not name.startswith("_")]


def undocumented(documented):
    """The public names without an entry; an object that two paths lead to needs one."""
    public = dict(public_names())
    known = {id(public[name]) for name in documented if name in public}
    return sorted(name for name, value in public.items() if id(value) not in known)


def check(_app, env):
    """Stops a build that lacks a public name."""
    from sphinx.errors import ExtensionError  # the names above are of use without it

    if missing := undocumented(env.get_domain("py").objects):
        raise ExtensionError(f"docs/api.md has no entry for {', '.join(missing)}")


def setup(app):
    app.connect("env-check-consistency", check)
    return {"parallel_read_safe": True}
