"""Measure ▸ track ▸ write: the whole job for one sequence, on any backend."""

import logging
from pathlib import Path

from consistency import experiment
from consistency.backend import Backend
from consistency.dataset import Dataset
from consistency.formats import writing
from consistency.labelling import label_and_fill
from consistency.options import Options
from consistency.outputs import Report, write
from consistency.progress import Progress, silent
from consistency.resuming import Keeping, open_journal, read_beside

log = logging.getLogger("consistency")


def run(
    dataset: Dataset,
    folder: Path,
    backend: Backend,
    options: Options,
    overwrite: bool = False,
    progress: Progress = silent,
    keeping: Keeping | None = None,
) -> Report:
    """Label ``dataset`` and write the experiment ``folder``.

    What is done is kept as ``keeping`` says, so that a later run can go on if this one is ended
    from outside; None keeps nothing.

    Raises
    ------
    ValueError, OSError
        For bad input, with file and frame; nothing is left half-written.
    RuntimeError
        If a worker dies.
    """
    # Before anything is made or locked: these refusals must leave no trace.
    experiment.check_apart(dataset, folder, read_beside(dataset, options))
    writing.require_extras(options.output)
    resume = keeping is not None and keeping.resume
    with experiment.writing(folder, overwrite, resume) as partial_folder:
        journal = None
        if keeping is not None:
            where = folder, partial_folder
            journal = open_journal(dataset, *where, options, keeping.by_content)
        labelling = label_and_fill(dataset, backend, options, progress, journal)
        # The name is given along, as the folder has another one until it is whole.
        report = write(labelling, partial_folder, folder.name, backend, options, progress, journal)
        # A warning, not an error: the work is done, and only the user knows whether the change
        # matters.
        changed = journal and journal.changed()
        if changed:
            log.warning("%s: the input has changed since the run began: %s", folder, changed)
        return report
