"""Optical flow, from files or images, and masks carried along it; knows no format of masks."""
