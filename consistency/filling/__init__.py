"""Masks for the frames that have none: between key frames, and in gaps of tracks."""
