"""``python -m jobs`` is the command ``iljob``."""

import sys

from jobs.cli import main

sys.exit(main())
