"""Damage done to small data sets: to bytes, to the structure of each kind of file, to folders.

All of it is decided by a ``random.Random``: the same seed gives the same damage.
"""

import ast
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from copy import deepcopy
from pathlib import PurePosixPath
from random import Random
from typing import Any

Files = dict[str, bytes]  # what is in a folder: {path below it: content}

DEEP: Any = 1
for _ in range(60):
    DEEP = [DEEP]
VALUES = (
    None, True, False, 0, 1, -1, 2, 3.5, -0.0, 1e308, float("nan"), float("inf"), 255, 65_536,
    2**31, 2**32 - 1, 2**53, 2**63, 2**64, 10**20, 10**400, -(10**20), "", "a", "0", "é", "\ud800",
    "a\nb", "../x.npy", "/etc/passwd", "=1+1", "n" * 300, "1" * 300, [], {}, [[]], [{}], [None],
    [1, 2], [10**20], [1e400, 1], {"size": [5, 5], "counts": "0"}, {"size": [2**15, 2**15]}, DEEP,
)  # fmt: skip
WORDS = (
    "", "0", "1", "-1", "3.5", "nan", "inf", "1e400", "65536", "4294967296", "9" * 30, "9" * 5000,
    "x", "²", "٣", "é", "\x00", '"', "'", ",", "\t", "\r", "../x", "/etc/passwd", "=1", "a" * 300,
)  # fmt: skip
NUMBERS = (0, 1, 2, 3, 7, 127, 128, 255, 256, 32767, 65535, 65536, 2**24, 2**31 - 1, 2**32 - 1)
TAGS = (256, 257, 258, 259, 262, 270, 277, 278, 284, 317, 322, 339, 50838)  # of TIFF
DTYPES = (
    "|b1", "|u1", "<i8", ">u2", "<f4", "<f8", "|O", "<U3", "|S2", "<c8", "<M8[s]", "|V0", "2,3i4",
)  # fmt: skip
SIZES = (-1, 0, 1, 2, 3, 37, 53, 65536, 2**31, 2**40, 10**20)


def damage(random: Random, files: Files) -> None:
    """Change ``files`` in place, once or a few times."""
    for _ in range(1 + (random.random() < 0.3)):
        name = random.choice(sorted(files))
        if random.random() < 0.08:
            random.choice((remove, rename, copy_over, empty))(random, files, name)
        else:
            files[name] = damage_file(random, name, files[name])


def damage_file(random: Random, name: str, content: bytes) -> bytes:
    """Return the content of one file, damaged."""
    kinds = STRUCTURES.get(PurePosixPath(name).suffix, ())
    if kinds and random.random() < 0.7:
        return random.choice(kinds)(random, content)
    return damage_bytes(random, content)


def remove(random: Random, files: Files, name: str) -> None:
    """Take a file away; one remains."""
    if len(files) > 1:
        del files[name]


def rename(random: Random, files: Files, name: str) -> None:
    """Give a file another name."""
    path = PurePosixPath(name)
    new = random.choice(("x", "0", "00", "a b", "é", "mask001", "1" * 60)) + path.suffix
    files[str(path.with_name(new))] = files.pop(name)


def copy_over(random: Random, files: Files, name: str) -> None:
    """Put the content of one file into another."""
    files[name] = files[random.choice(sorted(files))]


def empty(random: Random, files: Files, name: str) -> None:
    """Leave nothing in a file."""
    files[name] = b""


def damage_bytes(random: Random, content: bytes) -> bytes:
    """Flip, cut, repeat or insert bytes."""
    data = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 5, 20))):
        at = random.randrange(len(data) + 1)
        kind = random.randrange(6)
        if kind == 0:
            data[at : at + 1] = bytes([random.randrange(256)])
        elif kind == 1 and len(data) > at:
            data[at] ^= 1 << random.randrange(8)
        elif kind == 2:
            number = random.choice(NUMBERS)
            data[at : at + 4] = struct.pack(random.choice("<>") + "I", number)
        elif kind == 3:
            del data[at : at + random.choice((1, 2, 16, 1000))]
        elif kind == 4:
            data[at:at] = data[: random.choice((1, 4, 64))]
        elif random.random() < 0.3:
            del data[at:]
    return bytes(data)


def damage_json(random: Random, content: bytes) -> bytes:
    """Replace, remove, double or move values of a JSON text."""
    try:
        value = json.loads(content)
    except ValueError:
        return damage_bytes(random, content)
    box = [value]
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        places = list(_places(box))
        holder, key = random.choice(places)
        kind = random.randrange(5)
        if kind == 0 and holder is not box:
            del holder[key]
        elif kind == 1:
            other, elsewhere = random.choice(places)
            # Copied by way of text: a value within itself would have no end.
            holder[key] = json.loads(json.dumps(other[elsewhere]))
        elif kind == 2 and isinstance(holder, dict):
            holder[random.choice(("", "x", "id", "segmentation", "\x00"))] = holder.pop(key)
        elif kind == 3:
            holder[key] = random.choice(([holder[key]], {"a": holder[key]}))
        else:
            holder[key] = deepcopy(random.choice(VALUES))  # it may be damaged in its turn
    return json.dumps(box[0]).encode()


def _places(value: Any) -> Any:
    """Yield (list or dict, index or key) of every value inside."""
    for key in range(len(value)) if isinstance(value, list) else list(value):
        yield value, key
        if isinstance(value[key], list | dict):
            yield from _places(value[key])


def damage_words(random: Random, content: bytes) -> bytes:
    """Replace, remove or double words and lines of a text."""
    lines = content.decode("utf-8", "replace").split("\n")
    at = random.randrange(len(lines))
    kind = random.randrange(4)
    if kind == 0:
        lines.insert(at, random.choice(lines))
    elif kind == 1:
        del lines[at]
    else:
        mark = "," if "," in lines[at] else " "
        words = lines[at].split(mark)
        words[random.randrange(len(words))] = random.choice(WORDS)
        lines[at] = mark.join(words)
    return "\n".join(lines).encode("utf-8", "replace")


def damage_npy(random: Random, content: bytes) -> bytes:
    """Change what the header of a .npy file says."""
    try:
        length = int.from_bytes(content[8:10], "little")
        header = ast.literal_eval(content[10 : 10 + length].decode("latin-1"))
        shape = list(header["shape"])
    except (ValueError, SyntaxError, KeyError, TypeError):
        return damage_bytes(random, content)
    kind = random.randrange(5)
    if kind == 0 and shape:
        shape[random.randrange(len(shape))] = random.choice(SIZES)
    elif kind == 1:
        shape.insert(random.randrange(len(shape) + 1), random.choice((0, 1, 2)))
    elif kind == 2:
        header["descr"] = random.choice(DTYPES)
    elif kind == 3:
        header["fortran_order"] = random.choice((True, False, 1, None))
    else:
        header.pop(random.choice(list(header)))
    if "shape" in header:
        header["shape"] = tuple(shape)
    text = (repr(header) + "\n").encode("latin-1", "replace")
    return content[:8] + struct.pack("<H", len(text)) + text + content[10 + length :]


def damage_npz(random: Random, content: bytes) -> bytes:
    """Damage, drop, double or rename the parts of an archive, or pack it in another way."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
    except Exception:  # already damaged, in any way
        return damage_bytes(random, content)
    name = random.choice(sorted(parts))
    kind = random.randrange(5)
    if kind == 0 and len(parts) > 1:
        del parts[name]
    elif kind == 1:
        parts[random.choice(("masks.npy", "x.npy", "shape.npy", "../x.npy", "a"))] = parts.pop(name)
    elif kind > 1:
        parts[name] = damage_npy(random, parts[name])
    how = random.choice(
        (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    )
    packed = pack(parts, how)
    return damage_bytes(random, packed) if kind == 4 else packed


def pack(parts: Files, how: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return an archive, the same bytes whenever it is made."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, part in parts.items():
            info = zipfile.ZipInfo(name)  # without the time of day
            info.compress_type = how
            archive.writestr(info, part)
    return packed.getvalue()


def damage_png(random: Random, content: bytes) -> bytes:
    """Change, drop or double a chunk, with the checksum that it then needs."""
    chunks, at = [], 8
    while at + 12 <= len(content):
        (length,) = struct.unpack(">I", content[at : at + 4])
        chunks.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + length]))
        at += 12 + length
    if not chunks:
        return damage_bytes(random, content)
    i = random.randrange(len(chunks))
    name, body = chunks[i]
    kind = random.randrange(5)
    if kind == 0:
        del chunks[i]
    elif kind == 1:
        chunks.insert(i, chunks[i])
    elif kind == 2 and name == b"IDAT":
        try:
            plain = zlib.decompress(body)
        except zlib.error:
            plain = body
        chunks[i] = name, zlib.compress(damage_bytes(random, plain))
    elif kind == 3:
        chunks[i] = random.choice((b"tRNS", b"PLTE", b"acTL", b"fcTL", b"zTXt", b"iCCP")), body
    else:
        chunks[i] = name, damage_bytes(random, body)
    parts = [content[:8]]
    for name, body in chunks:
        parts += [struct.pack(">I", len(body)), name, body]
        parts.append(struct.pack(">I", zlib.crc32(name + body)))
    return b"".join(parts)


def damage_tiff(random: Random, content: bytes) -> bytes:
    """Change an entry of a directory of a TIFF file: its tag, type, count or value."""
    if content[:2] != b"II" or len(content) < 16:
        return damage_bytes(random, content)
    data, at = bytearray(content), struct.unpack("<I", content[4:8])[0]
    while random.random() < 0.5 and at + 2 < len(data):  # some later directory
        (count,) = struct.unpack("<H", data[at : at + 2])
        following = struct.unpack("<I", data[at + 2 + 12 * count : at + 6 + 12 * count].ljust(4))[0]
        if not 8 <= following < len(data) - 2:
            break
        at = following
    count = int.from_bytes(data[at : at + 2], "little")
    entry = at + 2 + 12 * random.randrange(max(count, 1))
    kind = random.randrange(4)
    if kind == 0:
        data[entry : entry + 2] = struct.pack("<H", random.choice(TAGS))
    elif kind == 1:
        data[entry + 2 : entry + 4] = struct.pack("<H", random.randrange(20))
    elif kind == 2:
        data[entry + 4 : entry + 8] = struct.pack("<I", random.choice(NUMBERS))
    else:
        data[entry + 8 : entry + 12] = struct.pack("<I", random.choice(NUMBERS))
    return bytes(data)


Damage = Callable[[Random, bytes], bytes]
STRUCTURES: dict[str, tuple[Damage, ...]] = {
    ".json": (damage_json,),
    ".csv": (damage_words,),
    ".txt": (damage_words,),
    ".npy": (damage_npy,),
    ".npz": (damage_npz,),
    ".png": (damage_png,),
    ".tif": (damage_tiff,),
}
