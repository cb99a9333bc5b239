"""Which of how many ranks this process is, from the environment alone: MPI is not imported."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import NoReturn

# What mpirun, mpiexec and srun tell the processes they start: (rank, number of ranks).  The tasks
# of a Slurm step are counted, not those of the job: a plain command in a batch script is alone.
VARIABLES = (
    ("PMI_RANK", "PMI_SIZE"),  # MPICH, Intel MPI
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),  # Open MPI
    ("MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE"),  # MVAPICH
    ("PALS_RANKID", "PALS_SIZE"),  # Cray
    ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS"),
)


def placement(environment: Mapping[str, str] = os.environ) -> tuple[int, int]:
    """Return (rank, number of ranks) of this process; (0, 1) where no launcher started it."""
    for rank, size in VARIABLES:
        if environment.get(rank, "").isdigit() and environment.get(size, "").isdigit():
            return int(environment[rank]), int(environment[size])
    return 0, 1


def is_launched(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether a launcher started this process, be it alone."""
    return any(rank in environment for rank, _ in VARIABLES)


def check_alone(name: str) -> None:
    """Refuse backend ``name``, which knows of no ranks, as one of several ranks."""
    size = placement()[1]
    if size > 1:
        refuse(
            f"--multi {name} under a launcher of {size} ranks, which would all write the same "
            "files; use --multi mpi, or start it without the launcher"
        )


def refuse(message: str) -> NoReturn:
    """Raise ValueError on rank 0; other ranks have the same arguments and end in silence."""
    if placement()[0] > 0:
        raise SystemExit(0)
    raise ValueError(message)


@contextmanager
def only_rank_zero_prints() -> Iterator[None]:
    """Let rank 0 alone print the help and what is wrong with the command line."""
    if placement()[0] == 0:
        yield
        return
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        try:
            yield
        except SystemExit:
            raise SystemExit(0) from None
