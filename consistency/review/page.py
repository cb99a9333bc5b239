"""The page of a report: one file that needs nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

STYLE = """
:root { color-scheme: light dark; font: 16px/1.4 system-ui, sans-serif; }
body { max-width: 60rem; margin: 0 auto; padding: 1rem; }
ol { list-style: none; padding: 0; }
li { border-top: 1px solid #8888; padding: 0.8rem 0; }
h2 { font-size: 1rem; margin: 0 0 0.4rem; }
figure { display: inline-block; margin: 0 0.6rem 0.4rem 0; vertical-align: top; max-width: 100%; }
img { display: block; max-width: 100%; background: #000; }
figcaption { font-size: 0.85rem; }
"""


@dataclass(frozen=True)
class Shown:
    """A moment on the page: its sentence, link into the viewer, and (caption, picture) of each."""

    rank: int
    sentence: str
    link: str
    pictures: Sequence[tuple[str, str]]


def write_page(path: Path, name: str, viewer: Path, moments: Sequence[Shown]) -> None:
    """Write the page of the experiment ``name``; links lead to the page ``viewer``."""
    title = escape(f"{name}: moments to check")
    made = f"python vis.py --exp-name {name} --format html"
    about = (
        "Ranked by the wrong masks to be expected. Links lead into the viewer, "
        f"<code>{escape(str(viewer))}</code>; <code>{escape(made)}</code> makes it. Corrections "
        "that are saved there are applied by <code>mark_label.py --corrections</code>."
    )
    if not moments:
        about = "There is nothing to check."
    items = "\n".join(map(_item, moments))
    text = f"""<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>{STYLE}</style></head>
<body><main><h1>{title}</h1><p>{about}</p>
<ol>
{items}
</ol></main></body></html>
"""
    path.write_text(text, encoding="utf-8", errors="backslashreplace")


def _item(moment: Shown) -> str:
    figures = "".join(
        f'<figure><img alt="{escape(caption)}" src="{picture}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
        for caption, picture in moment.pictures
    )
    heading = f"{moment.rank}. {escape(moment.sentence)}"
    link = f'<p><a href="{escape(moment.link)}">Open moment {moment.rank} in the viewer</a></p>'
    return f"<li><h2>{heading}</h2>{figures}{link}</li>"
