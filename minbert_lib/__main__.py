"""`python -m minbert_lib`, the same as the installed command `minbert`."""

import sys

from .cli import main

sys.exit(main())
