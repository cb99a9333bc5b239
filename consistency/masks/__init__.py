"""Masks as bits: packed, compared and shrunk exactly, without knowing where they come from."""
