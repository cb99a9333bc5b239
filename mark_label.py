#!/usr/bin/env python3
"""The command as a script of the checkout; consistency/mark_label.py is what it does."""

import sys

from consistency.mark_label import main

if __name__ == "__main__":
    sys.exit(main())
