"""Names of labels as categories, so that every output that has categories has the names."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from consistency.dataset import Frame
from consistency.formats.labelled import LabelledFrame


def with_names(
    frames: Sequence[Frame],
    labelled: Sequence[LabelledFrame],
    categories: Mapping[int, str],
    names: Mapping[int, str],
) -> tuple[Sequence[Frame], dict[int, str]]:
    """Give the masks of labels that have a name the category of this name.

    Parameters
    ----------
    frames, labelled : one each a frame.
    categories : {category_id of the records: name} of the input.
    names : {label: name}.

    Returns
    -------
    The frames, and the categories with one more for each name that there was not.
    """
    if not names:
        return frames, dict(categories)
    used = (record.get("category_id") for frame in frames for record in frame.records)
    # Beyond all numbers that there are; 1 is what masks without a category get.
    free = 1 + max([1, *categories, *(n for n in used if type(n) is int)])
    known = {name: category for category, name in sorted(categories.items(), reverse=True)}
    for name in dict.fromkeys(names[label] for label in sorted(names)):
        if name not in known:
            known[name] = free
            free += 1
    category_of = {label: known[name] for label, name in names.items()}
    pairs = zip(frames, labelled, strict=True)
    more = {category: name for name, category in known.items() if category not in categories}
    return [_named(*pair, category_of) for pair in pairs], dict(categories) | more


def _named(frame: Frame, labelled: LabelledFrame, category_of: Mapping[int, int]) -> Frame:
    """Return the frame with other categories of the masks whose label has a name."""
    records = list(frame.records)
    for index, label in zip(labelled.kept.tolist(), labelled.labels, strict=True):
        if label in category_of:
            records[index] = {**records[index], "category_id": category_of[label]}
    return replace(frame, records=tuple(records))
