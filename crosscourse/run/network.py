"""What counts as network trouble: words of the programs that fetch something, for which another try may help.

One list for all of them, as a program passes on what others say: go runs git, and git has libcurl or ssh at work.
What a server refuses for good (401, 403, 404, no such repository) is none. ``./doit``, which makes the Python
that this runs on, keeps a shorter list of its own for pip and uv.
"""

from __future__ import annotations

import functools
import re

# By the program that prints them, as regular expressions, whatever the case. Each is a phrase: a single word such as
# "ssl" or a number such as 500 stands in names of packages and in lines of code, too.
_TROUBLE: dict[str, tuple[str, ...]] = {
    # strerror(3), which all of them print.
    "the C library": (
        r"connection refused",
        r"connection reset",
        r"connection timed out",
        r"network is unreachable",
        r"no route to host",
        r"temporary failure in name resolution",
        r"name or service not known",
    ),
    # https://curl.se/libcurl/c/libcurl-errors.html; git puts "unable to access 'URL': " before it.
    "curl, in git": (
        r"could ?n['o]t resolve (?:host|proxy)",
        r"failed to connect to \S+ port \d+",
        r"(?:recv|send) failure: ",
        r"(?:operation|resolving|ssl connection) timed? ?out",
        r"timeout was reached",
        r"operation too slow",
        r"empty reply from server",
        r"the requested url returned error: (?:5\d\d|429)\b",
        r"received http code 5\d\d from proxy",
        r"connect tunnel failed, response 5\d\d",
        r"proxy connect aborted",
        r"http/2 stream \d+ was not closed cleanly",
        r"transfer closed with .*remaining",
    ),
    "OpenSSL and GnuTLS, in git and pip": (
        r"\bssl_error_(?:syscall|ssl|zero_return)\b",
        r"\[ssl: [a-z_]+\]",
        r"openssl ssl_(?:connect|read)",
        r"gnutls_handshake\(\) failed",
        r"tls connection was non-properly terminated",
        r"ssl certificate problem",
        r"certificate[ _]verify[ _]failed",
        r"certificate verification failed",
    ),
    "git": (
        r"\bearly eof\b",
        r"\brpc failed; ",
        r"the remote end hung up unexpectedly",
        r"unexpected disconnect while reading sideband packet",
        r"unable to look up \S+ \(port \d+\)",
        # Whatever transport failed, ssh or a folder that is not mounted; of a server that answers it says more.
        r"could not read from remote repository",
    ),
    "ssh": (
        r"could not resolve hostname",
        r"connection closed by (?:remote host|\S+ port \d+)",
    ),
    # Errors of the packages net, net/http and crypto/tls.
    "go": (
        r"\bdial (?:tcp|udp)\b",
        r"\bno such host\b",
        r"\bi/o timeout\b",
        r"\bserver misbehaving\b",
        r"\bproxyconnect tcp\b",
        r"\btls handshake\b",
        r"failed to verify certificate",
        r"client\.timeout exceeded",
        r"http2: (?:server sent goaway|client connection lost)",
        r"https?://\S+:? (?:unexpected )?eof\b",
        r"https?://\S+:? (?:429|5\d\d) [a-z]",
        r"server response: (?:429|5\d\d) ",
    ),
    # Names of exceptions of urllib3 and requests, and pip's own words.
    "pip": (
        r"\b(?:newconnection|connecttimeout|readtimeout|nameresolution|maxretry|protocol|proxy)error\b",
        r"\bincompleteread\(",
        r"connection aborted",
        r"connection broken by",
        r"max retries exceeded with url",
        r"\bread timed out\b",
        r"remote end closed connection",
        r"http error (?:5\d\d|429)\b",
        r"\b(?:5\d\d server error|429 client error): ",
    ),
    # Also of a mirror that is being updated: its index speaks of files that are not there yet, or no longer.
    "apt": (
        r"\bfailed to fetch \S",
        r"temporary failure resolving",
        r"could not resolve '[\w-]+(?:\.[\w-]+)+'",
        r"could not connect to",
        r"unable to connect to",
        r"cannot initiate the connection to",
        r"connection failed",
        r"hash sum mismatch",
        r"file has unexpected size",
        r"mirror sync in progress",
    ),
}


@functools.cache
def _pattern() -> re.Pattern[str]:
    """Compiled at its first use: most runs fetch nothing."""
    return re.compile("|".join(word for words in _TROUBLE.values() for word in words), re.IGNORECASE)


def is_network_trouble(text: str) -> bool:
    """Whether what a program printed speaks of the network, so that trying again may help.

    ``text``: the last lines, of git, ssh, go, pip or apt.
    """
    return _pattern().search(text) is not None
