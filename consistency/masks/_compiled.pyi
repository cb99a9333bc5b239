import numpy as np

# What each takes and does is in the C file.
INTERFACE: int

def pack(
    pixels: np.ndarray, first: int, used: int, position: np.ndarray, word: np.ndarray
) -> int: ...
def sort(
    words: int,
    position: np.ndarray,
    mask: np.ndarray,
    word: np.ndarray,
    to_position: np.ndarray,
    to_mask: np.ndarray,
    to_word: np.ndarray,
) -> None: ...
def shared(
    position: np.ndarray,
    mask: np.ndarray,
    word: np.ndarray,
    other_position: np.ndarray,
    other_mask: np.ndarray,
    other_word: np.ndarray,
    columns: int,
    table: np.ndarray,
) -> None: ...
def within(
    position: np.ndarray, mask: np.ndarray, word: np.ndarray, masks: int, table: np.ndarray
) -> None: ...
def unpack_texts(
    text: bytes, ends: np.ndarray, pixels: int, most: int
) -> tuple[bytes, bytes, bytes] | None: ...
def choose(
    position: np.ndarray,
    mask: np.ndarray,
    word: np.ndarray,
    number: np.ndarray,
    to_position: np.ndarray,
    to_mask: np.ndarray,
    to_word: np.ndarray,
) -> int: ...
def tally(
    position: np.ndarray,
    mask: np.ndarray,
    word: np.ndarray,
    area: np.ndarray,
    sum: np.ndarray,
    masks: np.ndarray,
) -> None: ...
def places(
    position: np.ndarray,
    mask: np.ndarray,
    word: np.ndarray,
    length: int,
    box: np.ndarray,
    sum: np.ndarray,
) -> None: ...
def samples(
    position: np.ndarray,
    mask: np.ndarray,
    word: np.ndarray,
    length: int,
    level: np.ndarray,
    origin: np.ndarray,
    rows: np.ndarray,
) -> None: ...
def compare_thumbnails(
    words: np.ndarray,
    cells: np.ndarray,
    level: np.ndarray,
    origin: np.ndarray,
    begins: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    move: np.ndarray,
    frame: np.ndarray,
    cut: np.ndarray,
    result: np.ndarray,
) -> None: ...
def near_pairs(
    t: np.ndarray,
    centroid: np.ndarray,
    area: np.ndarray,
    moves: np.ndarray,
    past_mask: np.ndarray,
    past_whole: np.ndarray,
    past_velocity: np.ndarray,
    past_place: np.ndarray,
    mask: np.ndarray,
    whole: np.ndarray,
    velocity: np.ndarray,
    place: np.ndarray,
    low: np.ndarray,
    count: np.ndarray,
    damping: np.ndarray,
    reach: np.ndarray,
    row: np.ndarray,
    column: np.ndarray,
) -> int: ...
def compare_sides(
    words: np.ndarray,
    cells: np.ndarray,
    level: np.ndarray,
    origin: np.ndarray,
    begins: np.ndarray,
    frame: np.ndarray,
    numbers: np.ndarray,
    centroid: np.ndarray,
    area: np.ndarray,
    border: np.ndarray,
    past_mask: np.ndarray,
    past_whole: np.ndarray,
    mask: np.ndarray,
    whole: np.ndarray,
    there: np.ndarray,
    whole_there: np.ndarray,
    whole_place: np.ndarray,
    growth: np.ndarray,
    result: np.ndarray,
    column_major: bool,
) -> None: ...
