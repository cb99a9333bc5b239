#!/usr/bin/env python3
"""The command as a script of the checkout; consistency/vis.py is what it does."""

import signal
import sys

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
    # Nothing answers Ctrl-C before the command has begun: it shall not show half an import.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from consistency.vis import main

if __name__ == "__main__":
    sys.exit(main())
