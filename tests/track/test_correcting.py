"""Corrections applied to labels, against a dictionary; and what is refused."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consistency.corrections import MOST, Corrections, parse
from consistency.formats.labelled import LabelledFrame
from consistency.track.correcting import fingerprint_of, start

FRAMES, OBJECTS = 6, 5


def frame(t, labels, kept=None):
    """A frame with the labels of its kept masks; nothing else of it is looked at."""
    size = len(labels)
    kept = np.arange(size) if kept is None else np.array(kept)
    other = dict.fromkeys(("areas", "boxes", "centroids", "same", "overlaps"), np.zeros(0))
    return LabelledFrame(name=str(t), shape=(1, 1), count=size, kept=kept, labels=labels, **other)


#   frame  0 1 2 3 4 5
#   1      * * * * * *
#   2      * * *              2 and 3 are one object
#   3            * * *
LABELS = [[1, 2], [1, 2], [1, 2], [1, 3], [1, 3], [1, 3]]


def applied(*items, labels=LABELS):
    """The labels of each frame after corrections, as the file has them; 0 = dropped."""
    file = parse(content(*items), "c.json")
    state = start([frame(t, list(each)) for t, each in enumerate(labels)])
    state.apply(file)
    shown = np.where(state.dropped, 0, state.label)
    return [part.tolist() for part in np.split(shown, state.first[1:-1])], state


def content(*items):
    head = {"format": "mask label corrections", "version": 1, "sequence": "s", "input": None}
    return head | {"corrections": list(items)}


def place(t, index):
    return {"frame": str(t), "mask": index}


def two(a, b):
    return {"masks": [place(*a), place(*b)]}


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"do": "merge", "labels": [2, 3]}, [[1, 2]] * 6),
        ({"do": "merge", "labels": [3, 2]}, [[1, 3]] * 6),
        ({"do": "merge", "labels": [2, 3], "from": "4"}, [[1, 2]] * 3 + [[1, 3]] + [[1, 2]] * 2),
        ({"do": "split", "label": 1, "at": "4"}, [*LABELS[:4], [4, 3], [4, 3]]),
        ({"do": "swap", "labels": [1, 3], "at": "4"}, [*LABELS[:4], [3, 1], [3, 1]]),
        ({"do": "swap", "labels": [1, 2], "at": "2"}, [*LABELS[:2], [2, 1], *[[2, 3]] * 3]),
        ({"do": "drop", "label": 3}, [*LABELS[:3], [1, 0], [1, 0], [1, 0]]),
        ({"do": "drop", "label": 1, "frames": ["1", "2"]}, [[1, 2], [0, 2], [0, 2], *LABELS[3:]]),
        ({"do": "rename", "label": 1, "name": "x"}, LABELS),
        # As long as nothing tells better, the change is at the later mask.
        ({"do": "same"} | two((0, 1), (5, 1)), [[1, 2]] * 6),
        ({"do": "same"} | two((0, 1), (4, 0)), [*LABELS[:4], [2, 3], [2, 3]]),
        ({"do": "different"} | two((4, 0), (1, 0)), [*LABELS[:4], [4, 3], [4, 3]]),
        ({"do": "different"} | two((0, 1), (4, 0)), LABELS),
    ],
    ids=lambda value: value.get("do") if isinstance(value, dict) else "",
)  # fmt: skip
def test_each_kind_of_correction(item, expected):
    assert applied(item)[0] == expected


def test_corrections_apply_to_what_those_before_have_left():
    items = [
        {"do": "split", "label": 1, "at": "3"},  # 4 is the rest of it
        {"do": "merge", "labels": [2, 4]},
        {"do": "rename", "label": 4, "name": "gone"},
    ]
    assert applied(*items[:2])[0] == [[1, 2]] * 3 + [[2, 3]] * 3
    with pytest.raises(ValueError, match=r"correction 3 \(rename 4 'gone'\): there is no label 4"):
        applied(*items)


def test_a_name_goes_with_its_label():
    named = {"do": "rename", "label": 3, "name": "cat"}
    assert applied(named, {"do": "merge", "labels": [2, 3]})[1].names == {2: "cat"}
    assert applied(named, {"do": "merge", "labels": [3, 2]})[1].names == {3: "cat"}
    part = {"do": "merge", "labels": [2, 3], "from": "4"}
    assert applied(named, part)[1].names == {3: "cat"}


class Refused(Exception):
    """The oracle does not know what to do."""


def by_dictionary(labels, items):
    """Labels after merges, splits, swaps and drops; {(frame, mask): label}."""
    now = {(t, i): label for t, each in enumerate(labels) for i, label in enumerate(each)}
    free = max(now.values()) + 1
    for item in items:
        named = item.get("labels") or [item["label"]]
        at = int(item.get("at", item.get("from", 0)))
        if not set(named) <= set(now.values()):
            raise Refused
        later = {key: label for key, label in now.items() if key[0] >= at and label in named}
        if item["do"] == "drop":
            for key in later:
                del now[key]
        elif item["do"] == "split":
            if not later or len(later) == list(now.values()).count(named[0]):
                raise Refused
            now |= dict.fromkeys(later, free)
            free += 1
        else:
            a, b = named
            turned = {a: b, b: a} if item["do"] == "swap" else {a: a, b: a}
            if b not in later.values() and (item["do"] == "merge" or a not in later.values()):
                raise Refused
            now |= {key: turned[label] for key, label in later.items()}
            seen = [(t, label) for (t, _), label in now.items()]
            if len(seen) > len(set(seen)):
                raise Refused
    return now


number = st.integers(1, OBJECTS + 2)
pairs = st.lists(number, min_size=2, max_size=2, unique=True)
when = st.integers(0, FRAMES - 1).map(str)
corrections = st.one_of(
    st.builds(lambda p, f: {"do": "merge", "labels": p, "from": f}, pairs, when),
    st.builds(lambda p, f: {"do": "swap", "labels": p, "at": f}, pairs, when),
    st.builds(lambda a, f: {"do": "split", "label": a, "at": f}, number, when),
    st.builds(lambda a: {"do": "drop", "label": a}, number),
)
scenes = st.lists(
    st.lists(st.integers(1, OBJECTS), max_size=OBJECTS, unique=True), min_size=FRAMES,
    max_size=FRAMES,
).filter(any)  # fmt: skip


@given(scenes, st.lists(corrections, max_size=4))
def test_any_corrections_do_what_they_say_or_are_refused(labels, items):
    try:
        found, state = applied(*items, labels=labels)
    except ValueError as error:
        if "contradicts" not in str(error):
            with pytest.raises(Refused):
                by_dictionary(labels, items)
        return
    expected = defaultdict(int, by_dictionary(labels, items))
    assert found == [[expected[t, i] for i in range(len(each))] for t, each in enumerate(labels)]
    for pairs_of, one in ((state.together, True), (state.apart, False)):
        for pair in pairs_of:
            assert pair.earlier < pair.later
            both = state.label[[pair.earlier, pair.later]]
            assert state.dropped[[pair.earlier, pair.later]].any() or (len(set(both)) == 1) == one


CONTRADICTIONS = [
    [{"do": "merge", "labels": [2, 3]}, {"do": "split", "label": 2, "at": "3"}],
    [{"do": "split", "label": 1, "at": "3"}, {"do": "merge", "labels": [1, 4]}],
    [{"do": "different"} | two((0, 1), (5, 1)), {"do": "merge", "labels": [2, 3]}],
    [{"do": "merge", "labels": [2, 3]}, {"do": "different"} | two((0, 1), (5, 1))],
    [{"do": "same"} | two((0, 0), (5, 0)), {"do": "split", "label": 1, "at": "3"}],
    [{"do": "same"} | two((0, 0), (5, 0)), {"do": "different"} | two((0, 0), (5, 0))],
    [{"do": "swap", "labels": [1, 2], "at": "2"}, {"do": "swap", "labels": [1, 2], "at": "2"}],
    [{"do": "rename", "label": 1, "name": "a"}, {"do": "rename", "label": 1, "name": "b"}],
]


@pytest.mark.parametrize(
    "items", CONTRADICTIONS, ids=lambda items: "-".join(i["do"] for i in items)
)
def test_a_contradiction_names_both_corrections(items):
    named = r"c\.json: correction 2 \({} .*contradicts c\.json: correction 1 \({} "
    with pytest.raises(ValueError, match=named.format(items[1]["do"], items[0]["do"])):
        applied(*items)
    for item in items[:1]:
        applied(item)  # each of them alone is well


def test_two_names_cannot_become_one():
    names = [{"do": "rename", "label": k, "name": n} for k, n in ((2, "a"), (3, "b"))]
    with pytest.raises(ValueError, match=r"correction 3 .*contradicts .*correction 2 "):
        applied(*names, {"do": "merge", "labels": [2, 3]})


@pytest.mark.parametrize(
    ("item", "problem"),
    [
        ({"do": "merge", "labels": [1, 2]}, "labels 1 and 2 are both in frame '0'"),
        ({"do": "merge", "labels": [1, 9]}, "there is no label 9"),
        ({"do": "merge", "labels": [1, 2], "from": "3"}, "label 2 has no mask from there on"),
        ({"do": "split", "label": 2, "at": "0"}, "label 2 has no mask before"),
        ({"do": "split", "label": 2, "at": "4"}, "label 2 has no mask from there on"),
        ({"do": "split", "label": 2, "at": "x"}, "there is no frame 'x'"),
        ({"do": "swap", "labels": [2, 8], "at": "1"}, "there is no label 8"),
        ({"do": "drop", "label": 2, "frames": ["4", "5"]}, "label 2 has no mask there"),
        ({"do": "drop", "label": 2, "frames": ["2", "1"]}, "frame '1' comes before '2'"),
        ({"do": "same"} | two((0, 0), (0, 1)), "both masks are of one frame"),
        ({"do": "same"} | two((0, 0), (1, 7)), "frame '1' has no mask 7"),
    ],
)
def test_what_is_not_there_is_named(item, problem):
    with pytest.raises(ValueError, match=r"^c\.json: correction 1 \(") as refused:
        applied(item)
    assert problem in str(refused.value)


def test_masks_are_named_by_their_number_in_the_input():
    frames = [frame(0, [1, 2], [3, 1]), frame(1, [1, 2], [0, 2])]
    state = start(frames)
    state.apply(parse(content({"do": "different"} | two((0, 3), (1, 0))), "c.json"))
    assert state.label.tolist() == [1, 2, 3, 2]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ([], "is not a file of corrections"),
        ({"format": "other"}, "is not a file of corrections"),
        (content() | {"version": 2}, "is of version 2"),
        (content() | {"more": 1}, "'more' is unknown"),
        (content() | {"input": 5}, "'input' is 5"),
        (content() | {"corrections": {}}, "no list"),
        (content(*[{"do": "drop", "label": 1}] * (MOST + 1)), f"allowed: {MOST}"),
        (content(3), "'do' is None"),
        (content({"do": "join"}), "there are merge, split"),
        (content({"do": ["merge"]}), "there are merge, split"),
        (content({"do": "merge", "labels": [1, 1]}), "label 1 twice"),
        (content({"do": "merge", "labels": [1, True]}), "not a whole number from 1"),
        (content({"do": "merge", "labels": [1, 2.0]}), "not a whole number from 1"),
        (content({"do": "merge", "labels": [1]}), "not a list of two labels"),
        (content({"do": "merge", "labels": [1, 2], "at": "0"}), "'at' is unknown"),
        (content({"do": "split", "label": 1}), "no 'at'"),
        (content({"do": "split", "label": 1, "at": 3}), "not a text"),
        (content({"do": "rename", "label": 1, "name": "a\nb"}), "not a name"),
        (content({"do": "rename", "label": 1, "name": " "}), "not a name"),
        (content({"do": "drop", "label": 1, "frames": ["0"]}), "first and the last frame"),
        (content({"do": "same", "masks": [place(0, 0)]}), "not a list of two masks"),
        (content({"do": "same", "masks": [place(0, 0), {"frame": "1"}]}), "a mask has"),
        (
            content({"do": "same", "masks": [place(0, 0), place(1, -1)]}),
            "not a whole number from 0",
        ),
    ],
    ids=lambda value: "" if isinstance(value, (dict, list)) else value,
)
def test_a_damaged_file_is_one_line(text, problem):
    with pytest.raises(ValueError, match=r"^c\.json: ") as refused:
        parse(text, "c.json")
    assert problem in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_is_written_as_it_was_read():
    items = [item for pair in CONTRADICTIONS for item in pair]
    items.append({"do": "drop", "label": 1, "frames": ["0", "1"]})
    file = parse(content(*items), "c.json")
    assert file.as_json() == content(*items)
    assert file.digest() == parse(file.as_json(), "elsewhere.json").digest()
    assert file.digest() != Corrections("c.json", "s", None, file.items[:-1]).digest()


def test_the_fingerprint_is_of_names_masks_and_labels():
    def of(*frames, there=(True, True, True)):
        state = start(frames)
        return fingerprint_of(frames, state.label, np.array(there))

    usual = of(frame(0, [1, 2]), frame(1, [1]))
    # sha256 of '"0":0=1,1=2\n"1":0=1\n'
    assert usual == "55c355ef233fa87d"
    assert usual == of(frame(0, [2, 1], [1, 0]), frame(1, [1])), "in any order"
    others = [
        of(frame(0, [1, 2]), frame(2, [1])),
        of(frame(0, [1, 2]), frame(1, [2])),
        of(frame(0, [1, 2]), frame(1, [1], [4])),
        of(frame(0, [1, 2]), frame(1, [1]), there=(True, False, True)),
    ]
    assert len({usual, *others}) == 5
