"""One HTML page from a template: everything inline, so that a page opens from a file, offline."""

import base64
import hashlib
import io
from collections.abc import Mapping
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

from gradproof.problem import Array
from gradproof.text import typed, visible


def _as_text(value: Any) -> Any:
    """What a template prints: our own markup, or text with its control characters visible. Called before escaping."""
    return value if hasattr(value, "__html__") else visible(str(value), "\n\t")


_LOADER = jinja2.PackageLoader("gradproof.pages")
_ENVIRONMENT = jinja2.Environment(
    loader=_LOADER,
    autoescape=True,  # whatever a name or a file says is text
    finalize=_as_text,
    undefined=jinja2.StrictUndefined,  # a value that a template misses is an error, not a gap
    trim_blocks=True,
    lstrip_blocks=True,
)


def rendered(template: str, script: str = "", **values: Any) -> str:
    """Fill a template of gradproof/pages/templates: the page, HTML as text.

    The browser runs the script of that name and nothing else: the page contains its hash.
    """
    code = script and _LOADER.get_source(_ENVIRONMENT, script)[0]
    allowed = f"sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}" if code else ""
    return _ENVIRONMENT.get_template(template).render(code=Markup(code), allowed=allowed, **values)


def typed_options(settings: Mapping[str, Any]) -> str:
    """The options of `gradproof train` that give these settings: an option has the name of its setting."""
    words = []
    for name, value in settings.items():
        if value is True:
            words.append(f"--{name}")
        elif value is not False:
            words.append(f"--{name} {typed(','.join(map(str, value)) if isinstance(value, tuple) else value)}")
    return " ".join(words)


def picture(pixels: Array) -> Markup:
    """A data URI of an image as PNG: (rows, columns) uint8 grey, or (rows, columns, 3 or 4) uint8 colour."""
    from PIL import Image

    pixels = np.ascontiguousarray(pixels, np.uint8)
    image = Image.fromarray(pixels)
    if pixels.ndim == 3 and pixels.shape[2] == 3:
        colours, which = np.unique(pixels.reshape(-1, 3), axis=0, return_inverse=True)
        if len(colours) <= 256:  # the same picture, a third of the size
            image = Image.fromarray(which.reshape(pixels.shape[:2]).astype(np.uint8), "P")
            image.putpalette(colours.tobytes())
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return Markup("data:image/png;base64," + base64.b64encode(file.getvalue()).decode())


def diverging(values: Array, largest: float = 0.0) -> Array:
    """(rows, columns) as colours (rows, columns, 3): blue below 0, white at 0, red above.

    The full colour is that of the largest |value|, or of `largest` if it is larger; there are 255 colours.
    """
    largest = max(largest, np.abs(values).max())
    share = np.rint(127 * (values / largest if largest > 0 else np.zeros_like(values)))[..., None] / 127
    end = np.where(share < 0, [33, 102, 172], [178, 24, 43])
    return np.asarray(np.rint(255 + np.abs(share) * (end - 255)), np.uint8)
