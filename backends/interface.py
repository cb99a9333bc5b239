"""What a backend is given; ``consistency.backend`` says what it gives."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Wanted:
    """What the user wants of a backend; each takes what it knows.

    Attributes
    ----------
    workers : number of workers; None = the backend's choice.
    kernel : what counts shared pixels, one of ``backends.KERNELS``.
    scheduler : address of a scheduler that is already running.
    preload : modules that workers will need, to be imported while the caller still opens its data.
    """

    workers: int | None = None
    kernel: str = "numpy"
    scheduler: str | None = None
    preload: tuple[str, ...] = ()
