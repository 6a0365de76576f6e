"""Makes foreign text, such as a title, a file name or the message of an exception, safe to print."""

import json
import math
import shlex
import unicodedata
from collections.abc import Sequence
from typing import Any


def visible(text: str, kept: str = "") -> str:
    """Replace each unprintable character by its escape, except blanks and the characters in `kept`.

    So terminal escapes, newlines, changes of the writing direction and invalid Unicode are printed as text.
    """
    return text if text.isprintable() else "".join(c if _shows(c) or c in kept else ascii(c)[1:-1] for c in text)


def _shows(character: str) -> bool:
    return character.isprintable() or unicodedata.category(character) == "Zs"


def some(names: Sequence[str], most: int = 6) -> str:
    """Join names, only the first `most` if there are many: a, b, c and 9 more."""
    shown = names if len(names) <= most + 1 else names[:most]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def typed(name: object) -> str:
    """Quote a name for a shell, if necessary, on one line: control characters become escapes in $'…'."""
    text = str(name)
    if text.isprintable():
        return shlex.quote(text)
    return "$'" + "".join(_escaped(c) for c in text) + "'"


def _escaped(character: str) -> str:
    """Escape a character for bash's $'…'; a byte that is not UTF-8 stays that byte."""
    if character in "\\'":
        return "\\" + character
    if character.isprintable():
        return character
    kept = "surrogateescape" if "\udc80" <= character <= "\udcff" else "surrogatepass"
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", kept))


def json_of(document: Any) -> str:
    """Return JSON that is safe to print: all characters are printable except the newlines of its layout.

    Numbers that are not finite become null, because JSON does not have them.
    """
    written = json.dumps(_finite(document), indent=1, ensure_ascii=False, allow_nan=False)
    return "".join(c if _shows(c) or c == "\n" else json.dumps(c)[1:-1] for c in written)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def shortened(lines: Sequence[str], most: int = 10) -> str:
    """Return the lines as one text for a repr; of more than `most`, the first and how many are left out."""
    if len(lines) <= most:
        return "\n".join(lines)
    return "\n".join([*lines[: most - 1], f"… {len(lines) - most + 1} more lines: print it"])
