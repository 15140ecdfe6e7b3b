"""What a clip of the shapes world can differ in: its names, colours and sizes in pixels.

Every background is grey and every figure is saturated, so that a checker can tell them apart.
"""

from typing import Final

FRAMES: Final = 8
SIDE: Final = 32

COLOURS: Final[dict[str, tuple[float, float, float]]] = {
    "red": (0.90, 0.12, 0.12),
    "yellow": (0.95, 0.85, 0.10),
    "green": (0.12, 0.75, 0.18),
    "cyan": (0.10, 0.80, 0.85),
    "blue": (0.15, 0.25, 0.95),
    "purple": (0.80, 0.15, 0.80),
}
SHAPES: Final = ("circle", "square", "triangle")
# Displacement (x, y) for each unit of way; y grows downwards.
MOTIONS: Final[dict[str, tuple[float, float]]] = {
    "left": (-1.0, 0.0),
    "right": (1.0, 0.0),
    "up": (0.0, -1.0),
    "down": (0.0, 1.0),
    "still": (0.0, 0.0),
}
# The two greys of each background; both textures repeat every four pixels.
BACKGROUNDS: Final[dict[str, tuple[float, float]]] = {
    "dark": (0.10, 0.10),
    "light": (0.88, 0.88),
    "striped": (0.32, 0.58),
    "chequered": (0.32, 0.58),
}
# An empty size is the regular one, which captions leave out.
SIZES: Final = ("", "small", "large")
RELATIONS: Final = ("above", "next to")

# Radius in pixels by size for a single figure; two figures share the frame and are always regular.
SINGLE_RADIUS: Final = {"small": 4.25, "": 6.0, "large": 8.0}
PAIR_RADIUS: Final = 4.25
RADIUS_JITTER: Final = 0.25
# Pixels a moving figure covers from the first frame to the last, where there is room for it.
WAY: Final = 8.4
# Half width, reach upwards and reach downwards of each shape for a radius of one.
EXTENTS: Final = {
    "circle": (1.0, 1.0, 1.0),
    "square": (0.86, 0.86, 0.86),
    "triangle": (1.178, 1.36, 0.68),
}
