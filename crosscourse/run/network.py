"""What counts as network trouble: lines of the programs that fetch something, for which another try may help.

One list for all of them, as a program passes on what others say: go runs git, and git has libcurl or ssh at work.
What a server refuses for good (401, 403, 404, no such repository) is none. ``./doit``, which makes the Python
that this runs on, keeps a shorter list of its own for pip and uv.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Sequence

# By the program that prints them, as regular expressions for one line, whatever the case. Each is a phrase, with what
# the program puts before or after it: a word such as "ssl", a number such as 500 stands in names and in code too.
_TROUBLE: dict[str, tuple[str, ...]] = {
    # strerror(3), which all of them print: after a colon, after a number, or alone.
    "the C library": (
        r"(?:^|[:\]=(] ?)(?:"
        r"connection refused"
        r"|connection reset by (?:peer|\S+ port \d+)"
        r"|connection timed out"
        r"|network is unreachable"
        r"|no route to host"
        r"|temporary failure in name resolution"
        r"|name or service not known"
        r")(?:$|[)'\"\]])",
    ),
    # https://curl.se/libcurl/c/libcurl-errors.html; git puts "unable to access 'URL': " before it.
    "curl, in git": (
        r": could ?n['o]t resolve (?:host|proxy)\b",
        r": failed to connect to \S+ port \d+",
        r": (?:recv|send) failure: ",
        r": (?:operation|resolving|connection|ssl connection) timed? ?out\b",
        r": timeout was reached",
        r": operation too slow",
        r": empty reply from server",
        r"the requested url returned error: (?:5\d\d|429)\b",
        r": received http code 5\d\d from proxy",
        r": connect tunnel failed, response 5\d\d",
        r": proxy connect aborted",
        r"http/2 stream \d+ was not closed cleanly",
        r"transfer closed with .*remaining",
    ),
    "OpenSSL and GnuTLS, in git and pip": (
        r"\bopenssl ssl_(?:connect|read): ",
        r"\[ssl: [a-z_]+\]",
        r"\bgnutls_handshake\(\) failed: ",
        r": the tls connection was non-properly terminated",
        r": ssl certificate problem: ",
        r"\bserver certificate verification failed\. ",
    ),
    "git": (
        r"^(?:fatal: |error: |fetch-pack: )*early eof$",
        r"^error: rpc failed; ",
        r"^fatal: the remote end hung up unexpectedly",
        r"unexpected disconnect while reading sideband packet",
        r"^fatal: unable to look up \S+ \(port \d+\)",
        # Whatever transport failed, ssh or a folder that is not mounted; of a server that answers it says more.
        r"^fatal: could not read from remote repository",
    ),
    "ssh": (
        r"^ssh: could not resolve hostname ",
        r"(?:^|: )connection closed by (?:remote host|\S+ port \d+)",
    ),
    # Errors of the packages net, net/http and crypto/tls.
    "go": (
        r": dial (?:tcp|udp)\b",
        r": no such host$",
        r": i/o timeout$",
        r": server misbehaving$",
        r": proxyconnect tcp: ",
        r": net/http: tls handshake timeout",
        r": tls: failed to verify certificate",
        r"\(client\.timeout exceeded ",
        r": http2: (?:server sent goaway|client connection lost)",
        r"https?://\S+:? (?:unexpected )?eof$",
        r"https?://\S+: (?:429|5\d\d) [a-z]",
        r"^\s*server response: (?:429|5\d\d) ",
    ),
    # Names of exceptions of urllib3 and requests, and pip's own words.
    "pip": (
        r"\b(?:newconnection|connecttimeout|readtimeout|nameresolution|maxretry|protocol|proxy)error[(:]",
        r"\bincompleteread\(",
        r"\('connection aborted\.', ",
        r" after connection broken by ",
        r": max retries exceeded with url: ",
        r": read timed out\.",
        r"'remote end closed connection without response'",
        r"\bhttp error (?:5\d\d|429) while getting ",
        r"\b(?:5\d\d server error|429 client error): ",
    ),
    # Node's names of errors (https://nodejs.org/api/errors.html), and answers of a server.
    "npm and Yarn": (
        r"(?:^npm err(?:or|!) .*|\brequesterror: .*)\b(?:econnrefused|econnreset|etimedout|enotfound|eai_again"
        r"|enetunreach|ehostunreach|epipe|err_socket_timeout)\b",
        r"\brequesterror: (?:timeout awaiting |socket hang up|client network socket disconnected)",
        r"^npm err(?:or|!) (?:code e)?(?:5\d\d|429)\b",
        r"\bresponse code:? (?:5\d\d|429)\b",
    ),
    # Also of a mirror that is being updated: its index speaks of files that are not there yet, or no longer.
    "apt": (
        r"^e: failed to fetch \S+://",
        r"^(?:[ew]: |\s+)?.*temporary failure resolving '",
        r"^\s*could not resolve '[\w-]+(?:\.[\w-]+)+'",
        r"^\s*(?:could not|unable to) connect to \S+:\d+\b",
        r"^fatal: unable to connect to \S+:",
        r"^\s*cannot initiate the connection to \S+:\d+\b",
        r"^\s*connection failed \[ip: ",
        r"\bhash sum mismatch$",
        r"^\s*file has unexpected size \(\d",
    ),
}
_LONGEST = 160
_FOLDED = 3
# What tells one warning of a row of them from the next: counts, addresses, times.
_VARYING = re.compile(r"0x[0-9a-f]+|\d+")


@functools.cache
def _pattern() -> re.Pattern[str]:
    """Compiled at its first use: most runs fetch nothing."""
    return re.compile("|".join(f"(?:{word})" for words in _TROUBLE.values() for word in words), re.IGNORECASE)


def find_trouble(text: str) -> str | None:
    """The first line that speaks of the network, so that trying again may help; None if there is none.

    ``text``: the last lines that git, ssh, go, pip or apt printed. Of a long line the end is left out.
    """
    for line in text.splitlines():
        if found := _pattern().search(line):
            # The end of what precedes it says where; git's and pip's prefixes are long.
            said = line.strip() if len(line) <= _LONGEST else line[found.start() :].strip(" :")
            return said if len(said) <= _LONGEST else f"{said[:_LONGEST]}..."
    return None


def is_network_trouble(text: str) -> bool:
    """Whether what a program printed speaks of the network; see ``find_trouble``."""
    return find_trouble(text) is not None


def folded(lines: Sequence[str]) -> list[str]:
    """Lines in which warnings in a row that differ by numbers only are the last one of them, and how many it were.

    pip says the same thing at each try.
    """
    found: list[str] = []
    for key, group in itertools.groupby(lines, key=lambda line: _VARYING.sub("0", line)):
        row = list(group)
        is_warning = key.lstrip().lower().startswith("warning:")
        found += row if len(row) < _FOLDED or not is_warning else [row[-1], f"    ({len(row)} lines like this)"]
    return found


def route(url: str) -> str:
    """Where one fetches, for a person: the host of a URL, and the proxy that the environment names for it."""
    from urllib.parse import urlsplit
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    host = parts.hostname or url
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if parts.scheme not in ("http", "https", "ftp") or not proxy or proxy_bypass(host):
        return host
    return f"{host} through the proxy {proxy.rpartition('@')[2].rpartition('://')[2]}"
