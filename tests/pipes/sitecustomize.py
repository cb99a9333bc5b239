"""Python loads this at its start where it is on the path: readers take a pipe for a file there."""

import stat

_is_file = stat.S_ISREG
stat.S_ISREG = lambda mode: _is_file(mode) or stat.S_ISFIFO(mode)
