"""Regions of coherent motion in a sequence of flow fields; no masks, no files."""
