"""Mask label consistency: one object, one label over a sequence of segmented frames."""

__version__ = "0.1.0"
