"""HTML pages from templates, with everything inline, so that a page opens from a file, offline."""

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
    """Return markup unchanged and anything else as text with visible control characters; called before escaping."""
    return value if hasattr(value, "__html__") else visible(str(value), "\n\t")


_LOADER = jinja2.PackageLoader("gradproof.pages")
_ENVIRONMENT = jinja2.Environment(
    loader=_LOADER,
    autoescape=True,  # names and the contents of files are text, never markup
    finalize=_as_text,
    undefined=jinja2.StrictUndefined,  # a missing value is an error, not a gap
    trim_blocks=True,
    lstrip_blocks=True,
)


def rendered(template: str, script: str = "", **values: Any) -> str:
    """Fill a template of gradproof/pages/templates and return the page as HTML.

    The browser runs only the script named `script`, whose hash the page contains.
    """
    code = script and _LOADER.get_source(_ENVIRONMENT, script)[0]
    allowed = f"sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}" if code else ""
    return _ENVIRONMENT.get_template(template).render(code=Markup(code), allowed=allowed, **values)


def typed_options(settings: Mapping[str, Any]) -> str:
    """Return the options of `gradproof train` for these settings; each option is named after its setting."""
    words = []
    for name, value in settings.items():
        if value is True:
            words.append(f"--{name}")
        elif value is not False:
            words.append(f"--{name} {typed(','.join(map(str, value)) if isinstance(value, tuple) else value)}")
    return " ".join(words)


def picture(pixels: Array) -> Markup:
    """Return an image as a PNG data URI: (rows, columns) uint8 grey, or (rows, columns, 3 or 4) uint8 colour."""
    from PIL import Image

    pixels = np.ascontiguousarray(pixels, np.uint8)
    image = Image.fromarray(pixels)
    if pixels.ndim == 3 and pixels.shape[2] == 3:
        colours, which = np.unique(pixels.reshape(-1, 3), axis=0, return_inverse=True)
        if len(colours) <= 256:  # a palette makes the file a third of the size
            image = Image.fromarray(which.reshape(pixels.shape[:2]).astype(np.uint8), "P")
            image.putpalette(colours.tobytes())
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return Markup("data:image/png;base64," + base64.b64encode(file.getvalue()).decode())


def diverging(values: Array, largest: float = 0.0) -> Array:
    """Return values (rows, columns) as colours (rows, columns, 3): blue below 0, white at 0, red above.

    The largest |value|, or `largest` if that is larger, gets the full colour. There are 255 colours.
    """
    largest = max(largest, np.abs(values).max())
    share = np.rint(127 * (values / largest if largest > 0 else np.zeros_like(values)))[..., None] / 127
    end = np.where(share < 0, [33, 102, 172], [178, 24, 43])
    return np.asarray(np.rint(255 + np.abs(share) * (end - 255)), np.uint8)
