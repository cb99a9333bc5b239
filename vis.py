#!/usr/bin/env python3
"""The command as a script of the checkout; consistency/vis.py is what it does."""

import sys

from consistency.vis import main

if __name__ == "__main__":
    sys.exit(main())
