"""What programs print when the network fails, and what they print when it does not: messages of real ones."""

from __future__ import annotations

import pytest

from crosscourse.run.network import find_trouble, folded, is_network_trouble, route

PIP_RETRY = "WARNING: Retrying (Retry(total=0, connect=None, read=None, redirect=None, status=None)) after connection "
FETCH = "fatal: unable to access 'https://host.test/x/': "
ZIP = "https://proxy.test/example.com/y/@v/v1.0.0.zip"


@pytest.mark.parametrize(
    "text",
    [
        # git, over https
        FETCH + "Could not resolve host: host.test",
        FETCH + "Couldn't resolve host 'host.test'",
        FETCH + "Could not resolve proxy: proxy.test",
        FETCH + "Failed to connect to host.test port 443 after 0 ms: Couldn't connect to server",
        FETCH + "Failed to connect to host.test port 443: Connection timed out",
        FETCH + "Operation timed out after 300011 milliseconds with 0 out of 0 bytes received",
        FETCH + "SSL connection timeout",
        FETCH + "Empty reply from server",
        FETCH + "Recv failure: Connection reset by peer",
        FETCH + "The requested URL returned error: 503",
        FETCH + "The requested URL returned error: 429",
        FETCH + "Received HTTP code 502 from proxy after CONNECT",
        FETCH + "CONNECT tunnel failed, response 503",
        FETCH + "OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to host.test:443",
        FETCH + "SSL certificate problem: unable to get local issuer certificate",
        FETCH + "server certificate verification failed. CAfile: none CRLfile: none",
        FETCH + "gnutls_handshake() failed: The TLS connection was non-properly terminated.",
        FETCH + "GnuTLS recv error (-110): The TLS connection was non-properly terminated.",
        "error: RPC failed; curl 92 HTTP/2 stream 5 was not closed cleanly: CANCEL (err 8)",
        "error: RPC failed; HTTP 502 curl 22 The requested URL returned error: 502",
        "error: RPC failed; curl 18 transfer closed with outstanding read data remaining",
        "fetch-pack: unexpected disconnect while reading sideband packet\nfatal: early EOF\nfatal: fetch-pack: invalid "
        "index-pack output",
        "fatal: the remote end hung up unexpectedly",
        # git, over its own protocol and ssh
        "fatal: unable to look up host.test (port 9418) (Name or service not known)",
        "fatal: unable to connect to 127.0.0.1:\n127.0.0.1[0: 127.0.0.1]: errno=Connection refused",
        "ssh: connect to host host.test port 22: No route to host\nfatal: Could not read from remote repository.",
        "ssh: Could not resolve hostname host.test: Temporary failure in name resolution",
        "kex_exchange_identification: Connection closed by remote host\nConnection closed by 192.0.2.1 port 22",
        # npm and Yarn
        "npm error code ECONNREFUSED\nnpm error syscall connect",
        "npm error network request to https://host.test/x failed, reason: getaddrinfo ENOTFOUND host.test",
        "npm error   code: 'ETIMEDOUT',",
        "npm error code E503\nnpm error 503 Service Unavailable - GET https://host.test/x",
        "➤ YN0001: │ RequestError: connect ECONNREFUSED 127.0.0.1:9\n    at ClientRequest.<anonymous> (yarn.js:1:2)",
        "➤ YN0001: │ RequestError: getaddrinfo EAI_AGAIN host.test",
        "➤ YN0001: │ RequestError: Timeout awaiting 'socket' for 60000ms",
        "➤ YN0035: │   Response Code: 503 (Service Unavailable)",
        # go
        f'main.go:2:8: example.com/y@v1.0.0: Get "{ZIP}": dial tcp 127.0.0.1:1: connect: connection refused',
        f'example.com/y@v1.0.0: Get "{ZIP}": dial tcp: lookup proxy.test on 192.0.2.53:53: no such host',
        f'example.com/y@v1.0.0: Get "{ZIP}": dial tcp: lookup proxy.test: server misbehaving',
        f'example.com/y@v1.0.0: Get "{ZIP}": dial tcp 192.0.2.1:443: i/o timeout',
        f'example.com/y@v1.0.0: Get "{ZIP}": net/http: TLS handshake timeout',
        f'example.com/y@v1.0.0: Get "{ZIP}": read tcp 10.0.0.1:4->192.0.2.1:443: read: connection reset by peer',
        f'example.com/y@v1.0.0: Get "{ZIP}": tls: failed to verify certificate: x509: certificate signed by unknown '
        "authority",
        f'example.com/y@v1.0.0: Get "{ZIP}": EOF',
        f'example.com/y@v1.0.0: read "{ZIP}": unexpected EOF',
        f'example.com/y@v1.0.0: Get "{ZIP}": proxyconnect tcp: EOF',
        f"example.com/y@v1.0.0: reading {ZIP}: 502 Bad Gateway",
        f"example.com/y@v1.0.0: reading {ZIP}: 429 Too Many Requests",
        f'y@v1.0.0: Get "{ZIP}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)',
        f'example.com/y@v1.0.0: Get "{ZIP}": http2: server sent GOAWAY and closed the connection',
        # pip
        PIP_RETRY
        + "broken by 'NewConnectionError(\"HTTPConnection(host='127.0.0.1', port=1): Failed to establish a new "
        "connection: [Errno 111] Connection refused\")': /simple/foo/",
        PIP_RETRY + "broken by 'NameResolutionError(\"HTTPSConnection(host='host.test', port=443): Failed to resolve "
        "'host.test' ([Errno -2] Name or service not known)\")': /simple/foo/",
        PIP_RETRY + "broken by 'ProxyError('Cannot connect to proxy.', OSError('Tunnel connection failed: 503'))': /x/",
        "ReadTimeoutError: HTTPSConnectionPool(host='host.test', port=443): Read timed out.",
        "SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed "
        "certificate (_ssl.c:992)'))",
        "ERROR: HTTP error 503 while getting https://host.test/x.whl",
        "ERROR: 502 Server Error: Bad Gateway for url: https://host.test/simple/foo/",
        "('Connection aborted.', RemoteDisconnected('Remote end closed connection without response'))",
        "IncompleteRead(8192 bytes read, 4096 more expected)",
        # apt
        "Err:1 http://mirror.test/debian bookworm InRelease\n  Temporary failure resolving 'mirror.test'",
        "Err:1 http://mirror.test/debian bookworm InRelease\n  Could not resolve 'mirror.test'",
        "  Could not connect to mirror.test:80 (192.0.2.1), connection timed out",
        "  Cannot initiate the connection to mirror.test:80 (2001:db8::1). - connect (101: Network is unreachable)",
        "  Unable to connect to mirror.test:80:",
        "  Connection failed [IP: 192.0.2.1 80]",
        "E: Failed to fetch http://mirror.test/x.deb  404  Not Found [IP: 192.0.2.1 80]",
        "E: Failed to fetch http://mirror.test/Packages.xz  Hash Sum mismatch",
        "   File has unexpected size (1 != 2). Mirror sync in progress? [IP: 192.0.2.1 80]",
    ],
)
def test_network_trouble(text: str) -> None:
    assert is_network_trouble(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        # git
        "fatal: repository 'https://host.test/x/' not found",
        FETCH + "The requested URL returned error: 403",
        FETCH + "The requested URL returned error: 404",
        "fatal: could not read Username for 'https://host.test': terminal prompts disabled",
        "fatal: Authentication failed for 'https://host.test/x/'",
        "error: Server does not allow request for unadvertised object 1234567890",
        "fatal: remote error: upload-pack: not our ref 1234567890",
        "fatal: couldn't find remote ref refs/tags/v1",
        "warning: unable to access '/etc/gitconfig': Permission denied",
        "error: openssl: does not match index\nerror: patch failed: crypto/ssl/ssl_error.c:500",
        "error: could not resolve 'refs/heads/main'",
        # go
        "main.go:500 : undefined: openssl",
        "main.go:503:5: syntax error: unexpected EOF, expecting }",
        "go: example.com/y@v1.0.0: module lookup disabled by GOPROXY=off",
        f"example.com/y@v1.0.0: reading {ZIP}: 404 Not Found\n\tserver response: not found: unknown revision v1.0.0",
        f"example.com/y@v1.0.0: reading {ZIP}: 410 Gone",
        "main.go:2:8: no required module provides package github.com/docker/go-connections; to add it:",
        "verifying example.com/y@v1.0.0: checksum mismatch\n\nSECURITY ERROR",
        "package example.com/timeout is not in std (/go/src/example.com/timeout)",
        'pattern all:certificate/*.pem: no matching files found in "https"',
        # pip
        "ERROR: Could not find a version that satisfies the requirement openssl==500 (from versions: none)\n"
        "ERROR: No matching distribution found for openssl==500",
        "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.",
        "ERROR: HTTP error 404 while getting https://host.test/x.whl",
        "ERROR: Could not install packages due to an OSError: [Errno 13] Permission denied: '/cache/certificates'",
        # apt
        "E: Unable to locate package openssl",
        "E: The repository 'http://mirror.test/debian bookworm Release' is not signed.",
        "E: Unmet dependencies. Try 'apt --fix-broken install' with no packages (or specify a solution).",
        "W: GPG error: http://mirror.test bookworm InRelease: NO_PUBKEY 0123456789ABCDEF",
        # words that stand elsewhere
        "error: patch failed: net/connection refused/dial tcp.go:500",
        "Collecting connection-refused==5.0.0\nERROR: early-eof: HTTP 200, read 500 timeouts",
        "warning: in the working copy of 'connection timed out', LF will be replaced by CRLF",
        "HEAD is now at 1234567 ssl: a certificate problem with failed to fetch and i/o timeouts",
        "x.go:5:2: undefined: OpenSSL_connect in https://host.test/x eof.go",
        "error: unable to create file could not connect to/x: No such file or directory",
        # compilers and make
        "ssl/tls.c:10:10: fatal error: openssl/ssl.h: No such file or directory",
        "make: *** [Makefile:500: connection.o] Error 1",
        "ld.lld: error: undefined symbol: SSL_error_description",
        "npm error code E404\nnpm error 404 Not Found - GET https://host.test/x",
        "➤ YN0028: │ The lockfile would have been modified by this install, which is explicitly forbidden.",
        "➤ YN0018: │ less@npm:4.6.4: The remote archive doesn't match the expected checksum",
        "➤ YN0035: │   Response Code: 404 (Not Found)",
        "Error: webpack could not connect ECONNREFUSED to Main.elm",
    ],
)
def test_other_trouble(text: str) -> None:
    assert not is_network_trouble(text)


def test_the_line_that_tells_is_named_without_what_is_before_it() -> None:
    assert find_trouble("one\nfatal: early EOF\ntwo") == "fatal: early EOF"
    long = PIP_RETRY + "broken by 'NewConnectionError(\"HTTPConnection(host='127.0.0.1', port=1)\")'" + "x" * 400
    said = find_trouble(f"one\n{long}") or ""
    assert said.startswith("after connection broken by 'NewConnectionError(")
    assert len(said) < 170


def test_a_warning_that_comes_again_and_again_is_said_once() -> None:
    retries = [f"WARNING: Retrying (Retry(total={left})) at 0x{left}af3" for left in range(4, -1, -1)]
    assert folded(["one", *retries, "two", "two"]) == ["one", retries[-1], "    (5 lines like this)", "two", "two"]
    errors = [f"error: patch failed: a.c:{line}" for line in range(5)]
    assert folded(errors) == errors
    assert folded([]) == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://name:secret@host.test/x", "host.test through the proxy proxy.test:3128"),
        ("http://host.test/x", "host.test"),
        ("https://here.test/x", "here.test"),
        ("ssh://git@host.test:22/x", "host.test"),
        ("file:///some/folder", "file:///some/folder"),
        ("git@host.test:x", "git@host.test:x"),
    ],
)
def test_where_one_fetches(monkeypatch: pytest.MonkeyPatch, url: str, said: str) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", "http://me:secret@proxy.test:3128")
    monkeypatch.setenv("no_proxy", "here.test")
    assert route(url) == said
