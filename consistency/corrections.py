"""What a person says is wrong with labels: the file ``corrections.json``, read and checked.

    {"format": "mask label corrections", "version": 1, "sequence": NAME, "input": FINGERPRINT,
     "corrections": [
       {"do": "merge", "labels": [3, 7], "from": "0012"},       7 becomes 3, from that frame on
       {"do": "split", "label": 3, "at": "0012"},               from there it is a new label
       {"do": "swap", "labels": [3, 7], "at": "0012"},          from there 3 is 7 and 7 is 3
       {"do": "rename", "label": 3, "name": "cyclist"},
       {"do": "drop", "label": 3, "frames": ["0012", "0015"]},  both included
       {"do": "same", "masks": [{"frame": "0011", "mask": 4}, {"frame": "0012", "mask": 0}]},
       {"do": "different", "masks": [...]}]}

They apply one after the other, each to the labels that those before it have left.  "from" and
"frames" may be missing.  A mask is named by its number in its frame of the input.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from consistency.plain_text import to_json

FORMAT = "mask label corrections"
VERSION = 1
DIGITS = 16  # of a fingerprint, hexadecimal
LONGEST_NAME = 200  # characters
LONGEST_TEXT = 400  # ... of the name of a frame; no system has longer names of files
LARGEST = (1 << 63) - 1  # label or number of a mask
MOST = 10_000  # corrections of a file: each is checked against all others


@dataclass(frozen=True)
class MaskPlace:
    """A mask: the name of its frame, and its number there in the input."""

    frame: str
    mask: int


@dataclass(frozen=True)
class Correction:
    """One correction; what its kind does not have is empty.

    Attributes
    ----------
    do : one of ``KINDS``.
    labels : the one or two labels that it is about.
    frame : where it begins; None: with the first frame.
    frames : first and last frame, of "drop"; None: all.
    name : of "rename".
    masks : two, of "same" and "different".
    """

    do: str
    labels: tuple[int, ...] = ()
    frame: str | None = None
    frames: tuple[str, str] | None = None
    name: str | None = None
    masks: tuple[MaskPlace, ...] = ()

    def __str__(self) -> str:
        """Return it as a person says it."""
        text = " ".join([self.do, *map(str, self.labels)])
        if self.name is not None:
            text += f" {self.name!r}"
        if self.frames is not None:
            text += f" in frames {self.frames[0]!r} to {self.frames[1]!r}"
        if self.frame is not None:
            text += f" {'from' if self.do == 'merge' else 'at'} frame {self.frame!r}"
        places = (f"mask {place.mask} of frame {place.frame!r}" for place in self.masks)
        return text + " " * bool(self.masks) + " and ".join(places)

    def as_json(self) -> dict[str, Any]:
        """Return it as the file has it."""
        keys = KINDS[self.do][1]
        found = {
            "labels": list(self.labels),
            "label": self.labels[0] if self.labels else None,
            "from": self.frame,
            "at": self.frame,
            "frames": self.frames and list(self.frames),
            "name": self.name,
            "masks": [asdict(place) for place in self.masks],
        }
        return {"do": self.do} | {key: found[key] for key in keys if found[key] is not None}


@dataclass(frozen=True)
class Corrections:
    """A file of corrections.

    Attributes
    ----------
    where : the file, for messages.
    sequence : name of the experiment that they were made for; None: it is not said.
    input : fingerprint of the labels that they were made for; None: it is not said.
    items : the corrections in order.
    """

    where: str
    sequence: str | None
    input: str | None
    items: tuple[Correction, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the content of the file."""
        head = {"format": FORMAT, "version": VERSION, "sequence": self.sequence}
        return head | {"input": self.input, "corrections": [item.as_json() for item in self.items]}

    def digest(self) -> str:
        """Return what tells them from others, wherever the file lies."""
        return sha256(to_json(self.as_json()).encode()).hexdigest()[:DIGITS]


def fingerprint(frames: Iterable[tuple[str, Sequence[tuple[int, int]]]]) -> str:
    """Return what tells labels from others.

    Parameters
    ----------
    frames : in order, each with its name and (number in the input, label) of its masks.
    """
    digest = sha256()
    for name, masks in frames:
        pairs = ",".join(f"{mask}={label}" for mask, label in sorted(masks))
        digest.update(f"{to_json(name)}:{pairs}\n".encode())
    return digest.hexdigest()[:DIGITS]


def parse(content: object, where: str) -> Corrections:
    """Check the content of a file; ValueError, which begins with ``where``, for what is wrong."""
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f'{where}: is not a file of corrections; it has "format": "{FORMAT}"')
    if content.get("version") != VERSION:
        raise ValueError(
            f"{where}: is of version {_short(content.get('version'))}; known is {VERSION}"
        )
    texts = {key: content.get(key) for key in ("sequence", "input")}
    for key, value in texts.items():
        if value is not None:
            _text(value, f"{where}: {key!r}")
    _check_keys(content, {"format", "version", "sequence", "input", "corrections"}, where)
    items = content.get("corrections")
    if not isinstance(items, list):
        raise ValueError(f"{where}: no list of 'corrections'")
    if len(items) > MOST:
        raise ValueError(f"{where}: {len(items)} corrections; allowed: {MOST}, so make two files")
    read = (_item(item, f"{where}: correction {n}") for n, item in enumerate(items, 1))
    return Corrections(where, texts["sequence"], texts["input"], tuple(read))


def _check_keys(content: dict, allowed: set[str], where: str) -> None:
    for key in content:
        if key not in allowed:
            raise ValueError(
                f"{where}: {_short(key)} is unknown; there are {', '.join(sorted(allowed))}"
            )


def _item(content: object, where: str) -> Correction:
    kind = content.get("do") if isinstance(content, dict) else None
    if not isinstance(content, dict) or not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"{where}: its 'do' is {_short(kind)}; there are {', '.join(KINDS)}")
    where = f"{where} ({kind})"
    needed, known = KINDS[kind]
    _check_keys(content, {"do", *known}, where)
    fields: dict[str, Any] = {}
    for key in known:
        if key in content:
            read, field = READERS[key]
            fields[field] = read(content[key], f"{where}: {key!r}")
        elif key in needed:
            raise ValueError(f"{where}: no {key!r}")
    return Correction(kind, **fields)


def _whole(value: object, least: int, where: str) -> int:
    if type(value) is not int or not least <= value <= LARGEST:
        raise ValueError(f"{where} is {_short(value)}, not a whole number from {least}")
    return value


def _label(value: object, where: str) -> tuple[int, ...]:
    return (_whole(value, 1, where),)


def _labels(value: object, where: str) -> tuple[int, ...]:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError(f"{where} is not a list of two labels")
    first, second = (_whole(label, 1, where) for label in value)
    if first == second:
        raise ValueError(f"{where}: label {first} twice; name two labels")
    return first, second


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise ValueError(f"{where} is {_short(value)}, not a text of {LONGEST_TEXT} characters")
    return value


def _short(value: object) -> str:
    """Return a value as a message may show it."""
    text = repr(value)
    return text if len(text) <= 40 else text[:40] + " ..."


def _name(value: object, where: str) -> str:
    text = _text(value, where)
    if not text.strip() or len(text) > LONGEST_NAME or not text.isprintable():
        raise ValueError(f"{where} is not a name of 1 to {LONGEST_NAME} characters on one line")
    return text


def _frames(value: object, where: str) -> tuple[str, str]:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError(f"{where} is not a list of the first and the last frame")
    return _text(value[0], where), _text(value[1], where)


def _masks(value: object, where: str) -> tuple[MaskPlace, ...]:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError(f"{where} is not a list of two masks")
    return _mask(value[0], where), _mask(value[1], where)


def _mask(value: object, where: str) -> MaskPlace:
    if not isinstance(value, dict) or set(value) != {"frame", "mask"}:
        raise ValueError(f"{where}: a mask has a 'frame' and a 'mask', its number there")
    return MaskPlace(_text(value["frame"], where), _whole(value["mask"], 0, where))


# Keys that each kind needs, and those that it may have.
KINDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "merge": (("labels",), ("labels", "from")),
    "split": (("label", "at"), ("label", "at")),
    "swap": (("labels", "at"), ("labels", "at")),
    "rename": (("label", "name"), ("label", "name")),
    "drop": (("label",), ("label", "frames")),
    "same": (("masks",), ("masks",)),
    "different": (("masks",), ("masks",)),
}
# How the value of a key is read, and what it is called in a Correction.
READERS: dict[str, tuple[Callable[[object, str], Any], str]] = {
    "labels": (_labels, "labels"),
    "label": (_label, "labels"),
    "from": (_text, "frame"),
    "at": (_text, "frame"),
    "frames": (_frames, "frames"),
    "name": (_name, "name"),
    "masks": (_masks, "masks"),
}
