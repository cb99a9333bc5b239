#!/usr/bin/env python3
"""Provoke all faults and write what was observed: python tests/faults/run.py [--out FILE]."""

import argparse
import sys
import tempfile
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(Path(__file__).parent)]

from fault_scene import Scene, Skipped  # noqa: E402
from fault_table import Fault, table  # noqa: E402
from places import MISSING, SHARED  # noqa: E402

HEAD = """# Faults

Written by `make faults`, which provokes each of them. *Old one*: an experiment of that name that
was there before. *Lost*: anything of the input, the old experiment or the result; the bytes are
compared with those of an undisturbed run.

| fault | expected | observed | lost |
|---|---|---|---|
"""


def provoke(fault: Fault) -> tuple[str, str]:
    """Return what was observed and what was lost."""
    missing = MISSING.get(fault.needs.backend, lambda: "")() if fault.needs else ""
    if missing:
        return f"not run: {missing}", "-"
    with tempfile.TemporaryDirectory() as folder:
        try:
            return fault.provoke(Scene(Path(folder))), "nothing"
        except Skipped as reason:
            return f"not run: {reason}", "-"
        except Exception:
            traceback.print_exc()
            return "**something else**", "**?**"


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--out", type=Path, help="write the table to this file")
    parser.add_argument("--only", default="", help="faults with this in their name")
    args = parser.parse_args(argv)
    lines, failed = [], 0
    for fault in table():
        if args.only in fault.name:
            observed, lost = provoke(fault)
            failed += "?" in lost
            lines.append(f"| {fault.name} | {fault.expected} | {observed} | {lost} |\n")
            print(lines[-1], end="", flush=True)
    SHARED.stop()
    if args.out:
        args.out.write_text(HEAD + "".join(lines))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
