"""The command line: `jaxattr run CONFIG`, `verify`, `show ROW`, `cite`; its output and exit codes are stable."""

from jaxattr.command._main import main as main
