"""How commands end: exit codes, and signals that end them from outside."""

import errno
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn

# Exit codes of all commands.
BAD_INPUT = 2
WORKER_DIED = 1
BY_SIGNAL = 128  # and the signal's number, as shells count

# Ctrl-C; the end that Slurm, timeout and containers ask for; a terminal that is closed.
STOPS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
# A second signal within so many seconds is the same one: ``timeout`` sends its own to the process
# and to its group, and a closing terminal does alike.
SAME = 0.25
# Seconds until a signal that came while a module was imported is looked at again.
RETRY = 0.02
# Seconds after the first signal at which the process ends whatever it is doing.
LONGEST_END = 4.5


class Interrupted(KeyboardInterrupt):
    """Raised where the process is when one of STOPS arrives.

    Not an Exception: nothing that computes may take it for its own.
    """

    def __init__(self, number: int = signal.SIGINT):
        super().__init__(f"signal {number}")
        self.number = int(number)


def exit_code(error: BaseException) -> int:
    """Return the exit code of a command that ends with ``error``."""
    if isinstance(error, KeyboardInterrupt):
        return BY_SIGNAL + getattr(error, "number", signal.SIGINT)
    return BAD_INPUT if isinstance(error, (ValueError, OSError, ImportError)) else WORKER_DIED


# What a disk, a memory or a network says that fails; a run that ends so may be continued.
FAILING = (
    errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EROFS,
    errno.ESTALE, errno.ETIMEDOUT, errno.EFBIG,
)  # fmt: skip


def from_outside(error: BaseException) -> bool:
    """Whether a run ended for a reason that does not lie in its input or its flags."""
    if getattr(error, "after_the_work", False):
        return True
    if isinstance(error, OSError):
        return error.errno in FAILING
    return isinstance(error, (KeyboardInterrupt, RuntimeError, MemoryError))


@contextmanager
def after_the_work() -> Iterator[None]:
    """Tell ``from_outside`` of errors in here: input and flags have proved to be good by then."""
    try:
        yield
    except (ValueError, OSError) as error:
        error.after_the_work = True  # type: ignore[union-attr]
        raise


def add_note(error: BaseException, note: str) -> None:
    """Add what the user should know beside the message, as Python 3.11 does."""
    error.__notes__ = [*notes_of(error), note]  # type: ignore[attr-defined]


def notes_of(error: BaseException) -> list[str]:
    """Return what ``add_note`` has added."""
    return list(getattr(error, "__notes__", ()))


@contextmanager
def stopping() -> Iterator[None]:
    """Raise Interrupted at the first of STOPS, and end the process at the second.

    It also ends when the first has not ended it in LONGEST_END seconds.  What it leaves then, the
    next run clears up.
    """
    first: list[float] = []
    over = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        if first and time.monotonic() - first[0] < SAME:
            return
        if not first and _imports(frame):
            _again(number)
            return
        if first:
            _end_at_once(number)
        first.append(time.monotonic())
        threading.Thread(target=watch, args=(number,), daemon=True).start()
        raise Interrupted(number)

    def watch(number: int) -> None:
        if not over.wait(LONGEST_END):
            _end_at_once(number)

    try:
        with _handled(stop):
            yield
    finally:
        over.set()


@contextmanager
def put_off(seconds: float) -> Iterator[None]:
    """Answer STOPS when the context ends; end the process if that takes longer than ``seconds``.

    For what must not stop half-way: processes that wait for one another, of which a terminal or a
    scheduler may have signalled all.
    """
    put: list[int] = []
    timers: list[threading.Timer] = []

    def stop(number: int, _: FrameType | None) -> None:
        put.append(number)
        timers.append(threading.Timer(seconds, os._exit, [BY_SIGNAL + number]))
        timers[-1].daemon = True
        timers[-1].start()

    try:
        with _handled(stop):
            yield
    finally:
        for timer in timers:
            timer.cancel()
    if put:
        signal.raise_signal(put[0])


@contextmanager
def unanswered() -> Iterator[None]:
    """Let STOPS end the process as the system does, for a call in which Python can answer none."""
    with _handled(signal.SIG_DFL):
        yield


@contextmanager
def held_back() -> Iterator[None]:
    """Hold STOPS back in this thread until the end, and for good in processes started meanwhile.

    A process inherits from who starts it which signals are held back.
    """
    # Another thread of this process may take what this one holds back (NumPy's libraries have
    # some), and Python would answer it here.
    with put_off(LONGEST_END):
        if not hasattr(signal, "pthread_sigmask"):  # Windows
            yield
            return
        before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _handled(handler: Any) -> Iterator[None]:
    """Let ``handler`` answer STOPS, but for those that are ignored, as under ``nohup``."""
    before = {}
    if threading.current_thread() is threading.main_thread():  # Python allows no other
        before = {n: signal.getsignal(n) for n in STOPS if signal.getsignal(n) != signal.SIG_IGN}
    for number in before:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _imports(frame: FrameType | None) -> bool:
    """Whether a module is being imported: what is broken off there may pass for a missing one."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _again(number: int) -> None:
    timer = threading.Timer(RETRY, os.kill, [os.getpid(), number])
    timer.daemon = True
    timer.start()


def _end_at_once(number: int) -> NoReturn:
    with suppress(OSError):
        os.write(2, b"interrupted; ended at once: the next run of this name clears up\n")
    os._exit(BY_SIGNAL + number)
