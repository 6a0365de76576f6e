"""Foreign text – a title, a file name, the message of an exception – made safe to print."""

import json
import math
import shlex
import unicodedata
from collections.abc import Sequence
from typing import Any


def visible(text: str, kept: str = "") -> str:
    """The text with each character that is not printable replaced by its escape, except those in `kept`.

    So terminal escapes, newlines, changes of the writing direction and invalid Unicode are printed as text.
    """
    return text if text.isprintable() else "".join(c if _shows(c) or c in kept else ascii(c)[1:-1] for c in text)


def _shows(character: str) -> bool:
    return character.isprintable() or unicodedata.category(character) == "Zs"


def some(names: Sequence[str], most: int = 6) -> str:
    """Names in a row, the first of them where there are many: a, b, c and 9 more."""
    shown = names if len(names) <= most + 1 else names[:most]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def typed(name: object) -> str:
    """A name as a shell takes it, on one line: quoted if necessary, with control characters as escapes in $'…'."""
    text = str(name)
    if text.isprintable():
        return shlex.quote(text)
    return "$'" + "".join(_escaped(c) for c in text) + "'"


def _escaped(character: str) -> str:
    """As bash has it between $' and '; a byte that is not UTF-8 as itself."""
    if character in "\\'":
        return "\\" + character
    if character.isprintable():
        return character
    kept = "surrogateescape" if "\udc80" <= character <= "\udcff" else "surrogatepass"
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", kept))


def json_of(document: Any) -> str:
    """JSON that is safe to print: every character but its own newlines is printable.

    A number that is not finite becomes null, since JSON has none.
    """
    written = json.dumps(_finite(document), indent=1, ensure_ascii=False, allow_nan=False)
    return "".join(c if _shows(c) or c == "\n" else json.dumps(c)[1:-1] for c in written)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
