"""The build fails where a public name has no entry: what is not in the documentation does not exist for its reader."""

from experiments._shared.public import public_names


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
