"""Requests byte by byte, and signatures made by hand."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import socket

REGION = "ap-northeast-1"


def send(port: int, data: bytes, timeout: float = 10) -> bytes:
    """What comes back until the server closes the connection, or is silent."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as link:
        link.sendall(data)
        got = b""
        try:
            while piece := link.recv(65536):
                got += piece
        except (TimeoutError, ConnectionResetError):
            pass
        return got


def request(method: str, target: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """With Connection: close; a Content-Length unless the headers say how the body ends."""
    names = {name.lower() for name in headers}
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if "content-length" not in names and "transfer-encoding" not in names:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1") + body


def status(reply: bytes) -> int:
    return int(reply.split(b" ", 2)[1]) if reply.startswith(b"HTTP/1.1 ") else 0


class Signer:
    """AWS Signature Version 4, header by header: docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html."""

    def __init__(self, key: str, secret: str, service: str = "s3", region: str = REGION) -> None:
        self.time = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
        self.scope = f"{self.time[:8]}/{region}/{service}/aws4_request"
        self.access_key = key
        self.key = f"AWS4{secret}".encode()
        for part in self.scope.split("/"):
            self.key = hmac.new(self.key, part.encode(), hashlib.sha256).digest()
        self.seed = ""

    def _sign(self, *lines: str) -> str:
        return hmac.new(self.key, "\n".join(lines).encode(), hashlib.sha256).hexdigest()

    def sign(self, method: str, path: str, headers: dict[str, str], payload_hash: str) -> dict[str, str]:
        signed = {**headers, "X-Amz-Date": self.time}
        low = sorted((name.lower(), value.strip()) for name, value in signed.items())
        names = ";".join(name for name, _ in low)
        canonical = "\n".join([method, path, "", *(f"{name}:{value}" for name, value in low), "", names, payload_hash])
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        self.seed = self._sign("AWS4-HMAC-SHA256", self.time, self.scope, digest)
        credential = f"Credential={self.access_key}/{self.scope}, SignedHeaders={names}, Signature={self.seed}"
        return {**signed, "Authorization": f"AWS4-HMAC-SHA256 {credential}"}

    def chunks(self, pieces: list[bytes], trailer: tuple[str, str] | None = None) -> bytes:
        previous, out = self.seed, b""
        empty = hashlib.sha256(b"").hexdigest()
        for piece in [*pieces, b""]:
            digest = hashlib.sha256(piece).hexdigest()
            previous = self._sign("AWS4-HMAC-SHA256-PAYLOAD", self.time, self.scope, previous, empty, digest)
            out += f"{len(piece):x};chunk-signature={previous}\r\n".encode() + piece + (b"\r\n" if piece else b"")
        if trailer:
            text = ":".join(trailer)
            digest = hashlib.sha256(f"{text}\n".encode()).hexdigest()
            signature = self._sign("AWS4-HMAC-SHA256-TRAILER", self.time, self.scope, previous, digest)
            out += f"{text}\r\nx-amz-trailer-signature:{signature}\r\n".encode()
        return out + b"\r\n"
