"""What the system promises: bytes that are on the disk, locks that die with their owner."""

import ctypes
import errno
import os
from pathlib import Path

# What file systems answer that do not know locks, or no fsync of folders.
UNKNOWN = (errno.ENOLCK, errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP)


def lock(file: int) -> bool:
    """Lock an open file for this process alone.

    The lock ends with the process, however that ends.  Workers do not hold it: they are fresh
    interpreters, which inherit no file.

    Returns
    -------
    known : False if the system or the file system has no locks; nothing is locked then.

    Raises
    ------
    BlockingIOError
        If another process holds the lock.
    """
    try:
        import fcntl  # not on Windows
    except ImportError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:
        if error.errno not in UNKNOWN:
            raise
        return False
    return True


def system_start() -> bytes:
    """Return what is another one after each start of this machine; nothing where nobody knows."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_bytes()
    except OSError:
        return b""


def sync(path: Path) -> None:
    """Wait until a file, or a folder with all that is in it, is on the disk; OSError if it fails.

    A folder is brought to the disk by one call for its whole file system where there is one: an
    experiment may hold a hundred thousand small files, and a call for each takes several times as
    long (see docs/reliability.md).
    """
    if path.is_dir() and os.name == "posix" and hasattr(_libc(), "syncfs"):
        _sync_file_system(path)
        return
    if path.is_dir():
        for folder, _, files in os.walk(path):
            for name in files:
                sync_one(Path(folder, name))
            sync_one(Path(folder))
        return
    sync_one(path)


def sync_one(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk; OSError if that fails."""
    try:
        file = os.open(path, os.O_RDONLY)
    except PermissionError:  # Windows opens no folders
        if path.is_dir():
            return
        raise
    try:
        os.fsync(file)
    except OSError as error:
        if not (path.is_dir() and error.errno in UNKNOWN):
            raise
    finally:
        os.close(file)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _sync_file_system(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        if _libc().syncfs(file):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), str(path))
    finally:
        os.close(file)
