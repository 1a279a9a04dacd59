"""Run with ``python -m jaxattr.command``, as ``jaxattr``."""

import sys

from jaxattr.command import main

sys.exit(main())
