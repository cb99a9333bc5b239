"""The world of the synthetic scene: objects that move on a table under a moving camera.

Lengths are in picture heights (1 = height of the picture), so that a scene looks the same at any
size. Time is in frames, angles are in radians. Axes are (x, y) with y pointing down.
An identity is ``100 * object + part``: 300 is object 3 as a whole, 304 its fourth part.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from toys import KINDS, PALETTE, Part, book, car, face, mat, polygon

PARTS_PER_OBJECT = 100  # below it are keys of other random draws
CAMERA_RANGE = 0.4  # the camera pans over this many picture widths, there and back
CROWD = 26  # so many objects of their natural size fill the table well
MAX_SCALE = 1.4  # fewer objects are larger, up to this
HIDDEN_FRAMES = (12, 24)  # when objects that pass behind others are in the middle
BACKGROUND_DEPTH = 0.86  # the table is further away than every object: it moves less (parallax)
BACKGROUND_MARGIN = 1.6  # table painted, in multiples of what a camera without zoom would see


@dataclass(frozen=True)
class SceneObject:
    """An object and its motion: ``home + swing * sin(rate * frame + phase)``, turning by `spin`.

    parts : painted in this order; part 0 is the body, the object is the union of all of them.
    home, swing : (2,) float64, picture heights. size : half extent, picture heights.
    depth : 1 moves with the camera, more is nearer: larger, faster, painted later.
    """

    number: int
    kind: str
    parts: tuple[Part, ...]
    home: np.ndarray
    swing: np.ndarray
    rate: float
    phase: float
    angle: float
    spin: float
    size: float
    depth: float

    def identities_inside(self, part: int) -> list[int]:
        """Return the identities painted as `part` or as parts nested in it; 0: the whole object."""
        inside = {part}
        for number, piece in enumerate(self.parts):
            if piece.inside in inside:
                inside.add(number)
        return [PARTS_PER_OBJECT * self.number + number for number in sorted(inside)]


def make_object(rng, number, kind, placed, extent, scale, speed, depth) -> SceneObject:
    """Draw the looks, the place and the motion of one object.

    placed : earlier objects, from which the new one keeps away if it can.
    extent : (2,) float64, half width and height of the world. speed : picture heights a frame.
    """
    draw, size, tilt, chance_to_move = kind
    main, accent = rng.choice(len(PALETTE), 2, replace=False)
    neighbours = placed if draw is mat else [o for o in placed if o.kind != mat.__name__]
    size = size * scale * rng.uniform(0.85, 1.15)
    spots = rng.uniform(-1, 1, (12, 2)) * extent
    gaps = [[np.hypot(*(spot - o.home)) / (size + o.size) for o in neighbours] for spot in spots]
    home = spots[np.argmax([min(gap, default=0) for gap in gaps])]
    direction = np.array([1.0, 0.0])
    if draw is not car:  # a car drives along the table, others go anywhere
        heading = rng.uniform(0, 2 * np.pi)
        direction = np.array([math.cos(heading), math.sin(heading)])
    moves = rng.random() < chance_to_move
    reach = rng.uniform(0.15, 0.4)
    return SceneObject(
        number=number,
        kind=draw.__name__,
        parts=draw(rng, PALETTE[main], PALETTE[accent]),
        home=home,
        swing=moves * reach * direction,
        rate=speed / reach,
        phase=rng.uniform(0, 2 * np.pi),
        angle=rng.uniform(-tilt, tilt),
        spin=rng.normal() * 0.3 * speed / size if tilt > 3 and moves else 0.0,
        size=size,
        depth=depth,
    )


def make_world(seed: int, objects: int, aspect: float, speed: float) -> tuple[SceneObject, ...]:
    """Return the objects from far to near.

    objects : number of wholes; their parts come on top.
    aspect : width / height of the picture. speed : peak of an object, picture widths a frame.
    """
    rng = np.random.default_rng(seed)
    kinds = [KINDS[k % len(KINDS)] for k in range(objects)]
    kinds.sort(key=lambda kind: kind[1] + rng.uniform(0, 0.1), reverse=True)  # large ones below
    extent = np.array([0.5 * aspect * (1 + CAMERA_RANGE), 0.42])
    # The table has one size: many objects are small ones.
    scale = min(MAX_SCALE, math.sqrt(CROWD / objects))
    depths = np.linspace(0.92, 1.12, objects)
    placed = []
    for number, (kind, depth) in enumerate(zip(kinds, depths, strict=True), start=1):
        placed.append(make_object(rng, number, kind, placed, extent, scale, speed * aspect, depth))
    placed = hide_some(rng, placed)
    return tuple(sorted(placed, key=lambda item: item.depth))


def hide_some(rng, objects: list[SceneObject]) -> list[SceneObject]:
    """Return the objects, the polygons among them now passing behind a face or a book each.

    Small objects lie above larger ones otherwise, and nothing would hide and come back.
    """
    hosts = [item for item in objects if item.kind in (face.__name__, book.__name__)]
    hidden = {item.number: item for item in objects if item.kind == polygon.__name__}
    hosts.sort(key=lambda item: abs(item.home[0]))  # the middle of the table stays in sight
    for item, host in zip(list(hidden.values()), hosts, strict=False):
        reach = 2.5 * host.size
        rate = np.hypot(*item.swing) * item.rate / reach  # the speed stays as it is
        hidden[item.number] = replace(
            item,
            home=host.home,
            swing=np.array([reach, 0.0]),  # hosts are narrow: it is not long hidden
            rate=rate,
            phase=-rate * rng.uniform(*HIDDEN_FRAMES),
            size=min(item.size, 0.6 * host.size),
            depth=host.depth - 0.001,
        )
    return [hidden.get(item.number, item) for item in objects]


@dataclass(frozen=True)
class Camera:
    """Where the camera looks in one frame: x, y in picture heights, roll in radians."""

    x: float
    y: float
    zoom: float
    roll: float

    def to_pixels(self, local: np.ndarray, depth: float, shape: tuple[int, int]) -> np.ndarray:
        """Return the (2, 3) affine map from local coordinates to pixels (x, y).

        local : (2, 3) affine map from local coordinates to the world.
        """
        height, width = shape
        scale = height * self.zoom * depth
        turn = scale * rotation(self.roll)
        result = turn @ (local - [[0, 0, self.x], [0, 0, self.y]])
        result[:, 2] += (0.5 * width, 0.5 * height)
        return result


def rotation(angle: float) -> np.ndarray:
    """Return the (2, 2) matrix that turns by `angle`, clockwise in a picture with y down."""
    return np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])


def camera_at(frame: int, speed: float, aspect: float) -> Camera:
    """Return the camera of a frame; it pans to the right and back at a nearly constant speed.

    speed : mean, picture widths a frame. One round trip takes ``2 * CAMERA_RANGE / speed`` frames.
    """
    phase = math.pi * speed * frame / CAMERA_RANGE
    pan = math.asin(0.95 * -math.cos(phase)) / math.asin(0.95)  # triangle wave, rounded tips
    return Camera(
        x=0.5 * CAMERA_RANGE * aspect * pan,
        y=0.05 * math.sin(2 * phase),
        zoom=1 + 0.05 * math.sin(phase),
        roll=0.04 * math.sin(phase + 1),
    )


def placement(item: SceneObject, frame: int) -> np.ndarray:
    """Return the (2, 3) affine map from the coordinates of an object to the world."""
    centre = item.home + item.swing * math.sin(item.rate * frame + item.phase)
    turned = item.size * rotation(item.angle + item.spin * frame)
    return np.column_stack([turned, centre])
