"""`python -m minbert_lib`, the same as the installed command `minbert`."""

import sys

from .cli import main

if __name__ == "__main__":  # a process that it starts reads this file too
    sys.exit(main())
