"""A file or folder that appears under its name when it is whole, or not at all.

While NAME is written, these stand beside it:

.NAME.lock      locked by the run that writes NAME; it says which of the other names are its own
.NAME.<random>  what is being written; another one holds the old NAME while names change
.NAME.<random>.journal  what is known of unfinished work, where somebody keeps that

The next run of that name finds what a killed run left.  Nothing else is ever deleted: a name must
stand in the lock file, which carries the tool's mark, and look like one of the tool's.
"""

import json
import logging
import os
import re
import secrets
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from consistency import disk
from consistency.endings import add_note, after_the_work, from_outside

MADE_BY = "mask-label-consistency"
RANDOM_BYTES = 8
# What to do with unfinished work of an earlier run.
REFUSE, CONTINUE, DISCARD = "refuse", "continue", "discard"
# A journal has this file as soon as something is lost without it ...
RECORDS = "measurements"
# ... and this one when what it is about is complete and on the disk.
COMPLETE = "complete"
LOCK_BYTES = 4096  # more than a lock file holds
WHAT_TO_DO = "--resume continues it, --overwrite starts anew"

log = logging.getLogger("consistency")


@dataclass(frozen=True)
class Claim:
    """What one run may write: ``path``, and two names beside it that nobody else has."""

    path: Path
    partial: Path
    old: Path

    @classmethod
    def of(cls, path: Path) -> "Claim":
        """Choose the names at random."""
        # Random, so that nobody can put a link there first; the suffix stays, as libraries look at
        # it.
        tokens = (secrets.token_hex(RANDOM_BYTES) for _ in range(2))
        return cls(path, *(path.with_name(f".{path.name}.{t}{path.suffix}") for t in tokens))

    @property
    def unfinished(self) -> bool:
        """Whether there is work that a later run can go on with."""
        # With the old one moved away the work itself was complete: that is for ``_repair``.
        if self.old.exists() or not (journal_of(self.partial) / RECORDS).is_file():
            return False
        return self.partial.exists() or not (journal_of(self.partial) / COMPLETE).exists()

    def text(self) -> str:
        """Return what the lock file says."""
        names = {"partial": self.partial.name, "old": self.old.name}
        who = {"process": os.getpid(), "host": socket.gethostname()}
        return json.dumps({"made_by": MADE_BY} | who | names) + "\n"

    @classmethod
    def read(cls, path: Path, content: dict) -> "Claim":
        """Return what a lock file says; ValueError for names that the tool does not give."""
        # What stands in the file gets removed.  A forged or damaged one must not name what is not
        # ours.
        names = [str(content.get(key)) for key in ("partial", "old")]
        ours = f"\\.{re.escape(path.name)}\\.[0-9a-f]{{{2 * RANDOM_BYTES}}}{re.escape(path.suffix)}"
        if not all(re.fullmatch(ours, name) for name in names):
            raise ValueError(_foreign(path))
        return cls(path, *(path.with_name(name) for name in names))


@contextmanager
def replacing(
    path: Path, check: Callable[[Path], None], unfinished: str = REFUSE
) -> Iterator[Path]:
    """Yield a new name beside ``path`` to write to; it takes the place of ``path`` at the end.

    Parameters
    ----------
    path : file or folder.
    check : raises ValueError if ``path`` must not be written; called before and after the work.
    unfinished : what to do with the work of an earlier run that was interrupted and has a journal
        (see ``journal_of``).  To CONTINUE yields the name that it has written to.

    Raises
    ------
    ValueError
        If another run writes ``path``, or there is unfinished work and this is to REFUSE.
    OSError
        If the disk fails; ``path`` is as it was.
    """
    with _claimed(path, unfinished) as claim:
        check(path)
        yield claim.partial
        with after_the_work():
            _publish(claim, check)


def _publish(claim: Claim, check: Callable[[Path], None]) -> None:
    """Let what has been written take the name."""
    # On the disk before any name changes: else a power cut could leave the name on an empty file.
    disk.sync(claim.partial)
    check(claim.path)
    journal = journal_of(claim.partial)
    if journal.exists():
        # Without it, work whose folder has got its name would look like work whose folder was not
        # made yet.
        (journal / COMPLETE).touch()
        disk.sync_one(journal)
    _swap(claim)


def _swap(claim: Claim) -> None:
    """Give the new one its name; the old one stays if that fails."""
    if not claim.path.is_dir():
        # A file, or what is not there yet, is replaced in one step.
        claim.partial.replace(claim.path)
    else:
        # There is no portable way to exchange two folders in one step: between these two renames
        # NAME is missing, and ``_repair`` knows by the two other names what was going on.
        claim.path.rename(claim.old)
        try:
            claim.partial.rename(claim.path)
        except BaseException:
            claim.old.rename(claim.path)
            raise
    # The old one goes only when the new name is on the disk.
    disk.sync_one(claim.path.parent)
    _remove(claim.old)


def journal_of(partial: Path) -> Path:
    """Return the folder for the journal of work on ``partial``.

    It stays with the work where a run is ended from outside; else both are removed.
    """
    return partial.with_name(f"{partial.name}.journal")


def is_unfinished(path: Path) -> bool:
    """Whether an interrupted run has left work on ``path`` that another one may continue."""
    try:
        with open(lock_of(path), "rb") as file:
            left = _read(path, file.fileno())
    except (OSError, ValueError):  # for who wants to write ``path`` to say
        return False
    return left is not None and left.unfinished


def clear_up(path: Path) -> None:
    """Remove what a killed run has left beside ``path``; ValueError if another run writes it."""
    if lock_of(path).exists():
        with _claimed(path, REFUSE):
            pass


@contextmanager
def _claimed(path: Path, unfinished: str) -> Iterator[Claim]:
    """Lock ``path``, repair what a killed run left, and clear up in the end."""
    # Noted before they are made, to remove those that a refused run would leave empty.
    missing = [folder for folder in path.parents if not folder.exists()]
    lock = lock_of(path)
    file = _locked(path, lock)
    try:
        left = _left(path, file, unfinished)
        claim = left or Claim.of(path)
        keep = False
        try:
            if left is None:
                _write(file, claim.text())
                disk.sync_one(path.parent)
            yield claim
        except BaseException as error:
            # Refused flags are no reason to give up what an earlier run has done.
            keep = claim.unfinished and (left is not None or from_outside(error))
            if keep and from_outside(error):
                add_note(error, f"{path} is unfinished: {WHAT_TO_DO}")
            raise
        finally:
            if not keep:
                _clear(claim, lock)
    finally:
        # This lets go of the lock: until here nobody else may look at the files.
        os.close(file)
        for folder in missing:  # from the innermost; one that holds anything stays
            with suppress(OSError):
                folder.rmdir()


def _clear(claim: Claim, lock: Path) -> None:
    """Remove what a run needed; the lock file last, and only if the rest is gone."""
    journal = journal_of(claim.partial)
    # Of a run that went well it is gone already: it has the name now.
    _remove(claim.partial)
    _remove(journal)
    if not any(left.exists() for left in (claim.partial, claim.old, journal)):
        lock.unlink(missing_ok=True)


def _left(path: Path, file: int, unfinished: str) -> Claim | None:
    """Return unfinished work to continue; None if there is none, or no more."""
    left = _read(path, file)
    if left is None:
        return None
    if left.unfinished and unfinished == CONTINUE:
        return left
    if left.unfinished and unfinished == REFUSE:
        raise ValueError(f"{path}: an interrupted run has left it unfinished: {WHAT_TO_DO}")
    _repair(left)
    return None


def lock_of(path: Path) -> Path:
    """Return the name of the lock file of ``path``."""
    return path.with_name(f".{path.name}.lock")


def _locked(path: Path, lock: Path) -> int:
    """Open and lock the lock file; ValueError if another run holds it."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            # A link in its place could have any file of the user's emptied; Windows has no such
            # flag.
            file = os.open(lock, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        except FileNotFoundError:  # another run has just removed the folder that it had made
            continue
        try:
            known = disk.lock(file)
        except BlockingIOError as error:
            # Empty where the other run has the lock, but has not yet written who it is.
            who = _content(file) or {}
            os.close(file)
            raise ValueError(
                f"{path}: another run is writing it (process {who.get('process', 'unknown')} on "
                f"{who.get('host', 'unknown')}); wait until it ends, or choose another name"
            ) from error
        # The run that held the lock before may have removed the file: lock the one of that name.
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file), os.stat(lock)):
                if not known:
                    log.warning(
                        "%s: this file system has no locks; start no second run of this name", path
                    )
                return file
        os.close(file)


def _content(file: int) -> dict | None:
    """Return what a lock file says; None if it is not one of the tool's."""
    try:
        content = json.loads(os.pread(file, LOCK_BYTES, 0))
    except ValueError:
        return None
    return content if isinstance(content, dict) and content.get("made_by") == MADE_BY else None


def _read(path: Path, file: int) -> Claim | None:
    """Return what a killed run left; None if there was none.

    Nothing is written before the lock file is whole, so an empty one says that nothing is left.
    """
    if not os.pread(file, LOCK_BYTES, 0).strip(b"\0"):
        return None
    content = _content(file)
    if content is None:
        raise ValueError(_foreign(path))
    return Claim.read(path, content)


def _foreign(path: Path) -> str:
    return f"{lock_of(path)}: is not a lock file of this tool, which needs the name; move it away"


def _write(file: int, text: str) -> None:
    # What an earlier run left may be longer than what comes now.
    os.ftruncate(file, 0)
    os.pwrite(file, text.encode(), 0)
    os.fsync(file)


def _repair(left: Claim) -> None:
    """Finish what a killed run had complete, remove what it had not."""
    path, partial, old = left.path, left.partial, left.old
    if not old.exists():
        if partial.exists():
            log.warning("%s: removed the unfinished output of a run that was killed", path)
        _remove(partial)
    elif not path.exists() and partial.exists():
        # Names change only when all is on the disk: the new one is complete.
        partial.rename(path)
        log.warning("%s: replaced by the complete output of a run that was killed", path)
    elif not path.exists():
        old.rename(path)
        log.warning("%s: put back; the run that was replacing it was killed", path)
    elif partial.exists():
        raise ValueError(
            f"{path}: a run that was killed left {old.name} (the old one) and {partial.name} (the "
            f"new one) beside it; keep the one you want, and remove {lock_of(path).name}"
        )
    else:
        log.warning("%s: is complete; removed the old one, which a killed run had left", path)
    disk.sync_one(path.parent)
    if path.exists():
        _remove(old)
    _remove(journal_of(partial))


def _remove(path: Path) -> None:
    """Remove a file or folder of this tool, as far as that goes: the lock file tells the rest."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
