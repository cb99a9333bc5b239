"""The viewer: one HTML file that holds the masks of a sequence and needs nothing else.

``blocks`` packs the masks of a frame into text, ``page`` writes the file; ``viewer.html``,
``viewer.css`` and ``viewer.js`` are what the browser shows and runs.
"""
