"""Run with ``python -m jaxattr.command``, as ``jaxattr``."""

import sys

from jaxattr.command import main

if __name__ == "__main__":
    sys.exit(main())
