"""What is kept of measurements for a second time."""

from dataclasses import replace

from labelling import boxes, measure_all

from consistency.track.association import _blinking
from consistency.track.parameters import DEFAULTS
from consistency.track.record import Record
from consistency.track.tracker import Tracker


def measured(frames):
    return measure_all([boxes((60, 40, 30, 30), (10, 10, 20, 20))] * frames, motion="none")


def same(one, other):
    pairs = (one.thumbnails.words, other.thumbnails.words), (one.areas, other.areas)
    return one.name == other.name and all((a == b).all() for a, b in pairs)


def test_what_was_kept_comes_again_and_then_the_rest():
    given = measured(7)
    record = Record(given)
    beginning = record.beginning()
    early = [next(beginning) for _ in range(3)]
    whole = list(record.whole())
    assert [now.name for now in early] == [now.name for now in given[:3]]
    assert len(whole) == 7
    assert all(same(a, b) for a, b in zip(given, whole, strict=True))


def test_only_the_beginning_is_tracked_to_learn_how_often_masks_blink():
    links, frames = 100, DEFAULTS.first_frames
    many = Record(measured(links))  # two masks: twice as many links as are wanted
    soon = Tracker(parameters=replace(DEFAULTS, first_links=links))
    known = _blinking(many.beginning(), soon)
    assert links <= known.links < links + 4
    # Two masks in 200 frames tell less than is wanted: all are looked at.
    assert _blinking(Record(measured(200)).beginning(), Tracker()).links == 2 * 199
    crowd = Tracker(parameters=replace(DEFAULTS, first_links=1))
    assert _blinking(Record(measured(2 * frames)).beginning(), crowd).links == 2 * (frames - 1)
