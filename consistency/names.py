"""Which names experiments and sequences may have: they become names of files."""

# A file system allows 255 bytes; endings and temporary names take the rest.
LONGEST_NAME = 200  # bytes
# The experiment ``run`` would keep its labels in run.json, where its parameters are.
RESERVED = "run"


def check_name(name: str, what: str) -> None:
    """Raise ValueError that begins with ``what`` and says why ``name`` cannot name a folder."""
    problem = problem_of(name)
    if problem:
        shown = repr(name) if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]!r}..."
        raise ValueError(f"{what} {shown} {problem}; choose another name")


def problem_of(name: str) -> str:
    """Return what is wrong with a name; empty if nothing is."""
    if not name or name in (".", "..") or any(c in name for c in "/\\"):
        return "is not a plain name"
    try:
        length = len(name.encode())
    except UnicodeEncodeError:  # bytes of another encoding, which Python smuggles into text
        return "is not UTF-8"
    if not name.isprintable():
        return "contains a character that cannot be printed"
    if name.startswith("-"):
        return "begins with '-', which commands take for a flag"
    if length > LONGEST_NAME:
        return f"has {length} bytes, more than {LONGEST_NAME}"
    if name.lower() == RESERVED:  # some file systems do not tell RUN.json from run.json
        return "is reserved: run.json holds the parameters of a run"
    return ""
