#!/usr/bin/env python3
"""Finds of the fuzzer as small files, for a test that reads them again.

    PYTHONPATH=tests/fuzz:tests:. python tests/fuzz/corpus.py NAME TARGET NUMBER

keeps input NUMBER of a target as corpus/NAME.json: the number of the sample, and the files that the
damage has changed (null: removed).  Bytes that are not text are in base 64.
"""

import base64
import json
import sys
import tempfile
from pathlib import Path

from mutator import Files
from targets import build
from worker import inputs, replace_files

CORPUS = Path(__file__).parent / "corpus"
HERE = "{HERE}"  # in place of the folder that a sample was made in
BASE_64 = "base64:"


def keep(
    name: str, target: str, sample: int, changed: dict[str, bytes | None], folder: Path
) -> None:
    """Write a find."""
    files = {file: content and _as_text(content, folder) for file, content in changed.items()}
    find = {"target": target, "sample": sample, "files": files}
    (CORPUS / f"{name}.json").write_text(json.dumps(find, indent=1) + "\n")


def replay(file: Path, folder: Path) -> tuple[str, Path]:
    """Write a find into ``folder``; returns its target, and what is to be opened."""
    find = json.loads(file.read_text())
    good, path = build(find["target"], find["sample"], folder)
    files: Files = dict(good)
    for name, text in find["files"].items():
        if text is None:
            del files[name]
        else:
            files[name] = _as_bytes(text, folder)
    replace_files(folder, good, files)
    return find["target"], path


def _as_text(content: bytes, folder: Path) -> str:
    try:
        return content.decode().replace(str(folder), HERE)
    except UnicodeDecodeError:
        return BASE_64 + base64.b64encode(content).decode()


def _as_bytes(text: str, folder: Path) -> bytes:
    if text.startswith(BASE_64):
        return base64.b64decode(text.removeprefix(BASE_64))
    return text.replace(HERE, str(folder)).encode()


def main(name: str, target: str, number: int) -> None:
    """Keep one input of the fuzzer."""
    with tempfile.TemporaryDirectory() as scratch:
        for _ in inputs(target, number, 1, Path(scratch)):
            (folder,) = Path(scratch).iterdir()
            sample = int(folder.name.rpartition("-")[2])
            now = {
                str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()
            }
            good, _ = build(target, sample, folder)
            names = now.keys() | good.keys()
            changed = {n: now.get(n) for n in sorted(names) if now.get(n) != good.get(n)}
            keep(name, target, sample, changed, folder)
            replace_files(folder, good, {n: c for n, c in now.items() if n in good})


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
