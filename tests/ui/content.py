"""What a web node serves: whole pages, all that they name, and programs to download that are what they are called."""

from __future__ import annotations

import html
import re
import urllib.error
import urllib.request

# The path of each download, and how a program of that system starts.
ELF, MACH_O, PE = b"\x7fELF", b"\xcf\xfa\xed\xfe", b"MZ"
DOWNLOADS = {
    ("linux", "amd64"): ELF,
    ("linux", "arm64"): ELF,
    ("linux", "arm"): ELF,
    ("darwin", "amd64"): MACH_O,
    ("darwin", "arm64"): MACH_O,
    ("windows", "amd64"): PE,
}
# What the page asks for by itself, beside what it names: the parts of the script for old browsers, and what the script
# for new ones imports. Each with a text that it has to have.
PARTS = {
    "bundle.js": b"webpackChunk",
    "118.bundle.js": b"webpackChunk",
    "261.bundle.js": b"webpackChunk",
    "304.bundle.js": b"webpackChunk",
    "440.bundle.js": b"webpackChunk",
    "870.bundle.js": b"webpackChunk",
    "elm.min.js": b"Elm",
    "elm-setup.js": b"import",
    "main.css": b"font-face",
    "si-svg.min.js": b"si/concourse",
    "mdi-svg.min.js": b"<svg",
    "graphvizlib.wasm": b"\0asm",
}


class ContentError(AssertionError):
    """Something that is not served as it should be."""


def ask(url: str) -> bytes:
    """What is at a URL on loopback, past any proxy. Raises ContentError if the answer is an error."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=60) as reply:
            return bytes(reply.read())
    except urllib.error.HTTPError as error:
        raise ContentError(f"{url}: {error}") from None


def check_pages(url: str) -> list[str]:
    """Look at the pages of a web node; returns what was seen, in lines. Raises ContentError."""
    index = ask(f"{url}/")
    text = index.decode()
    # A template that fails half-way leaves status 200 and half a page.
    _expect(text.rstrip().endswith("</html>"), "/", f"is cut off after {len(text)} bytes")
    named = sorted(set(re.findall(r"/public/[\w./-]+\?id=[0-9a-f]+", html.unescape(text.replace("\\/", "/")))))
    _expect(len(named) >= 8, "/", f"names only {named}")
    sizes = {path: len(ask(url + path)) for path in named}
    _expect(min(sizes.values()) > 100, "/", f"names what is empty: {sizes}")
    lines = [f"/: {len(text)} bytes, names {len(named)} files of {sum(sizes.values())} bytes"]
    for name, word in PARTS.items():
        found = ask(f"{url}/public/{name}")
        _expect(word in found, name, f"has no {word!r} in its {len(found)} bytes")
        lines.append(f"/public/{name}: {len(found)} bytes")
    return lines


def check_stand_in(url: str) -> list[str]:
    """Look at a web node without pages: it has to say so."""
    text = ask(f"{url}/").decode()
    _expect("without its web pages" in text and text.rstrip().endswith("</html>"), "/", f"says {text!r}")
    return ["/: says that there are no pages"]


def check_downloads(url: str) -> list[str]:
    """Look at each program that is handed out."""
    lines = []
    for (system, arch), start in DOWNLOADS.items():
        content = ask(f"{url}/api/v1/cli?platform={system}&arch={arch}")
        _expect(content.startswith(start), f"fly for {system} {arch}", f"starts with {content[:4]!r}")
        lines.append(f"fly for {system} {arch}: {len(content)} bytes")
    return lines


def _expect(holds: bool, what: str, found: str) -> None:
    if not holds:
        raise ContentError(f"{what} {found}")
