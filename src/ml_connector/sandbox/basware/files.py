"""The other origin: pre-signed addresses that redirects lead to (dossier 1.8, 3.14).

Like the object store behind the real one it refuses a second authentication with 400, and what has expired or
was used up with 403.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp import web

from ml_connector.sandbox.clock import Clock

PAGE_LIFE = timedelta(seconds=60)
ATTACHMENT_LIFE = timedelta(minutes=15)
_SWEEP_FROM = 1000


@dataclass(frozen=True, slots=True)
class File:
    """What waits behind one address."""

    body: bytes
    content_type: str
    headers: dict[str, str]
    until: datetime
    signature: str
    once: bool


class Files:
    """Addresses handed out, each good for a while."""

    def __init__(self, clock: Clock, origin: str) -> None:
        self._clock = clock
        self._origin = origin
        self._files: dict[str, File] = {}

    def clear(self) -> None:
        """Makes every address worthless."""
        self._files.clear()

    def offer(
        self,
        body: bytes,
        content_type: str,
        *,
        life: timedelta,
        once: bool,
        headers: dict[str, str] | None = None,
    ) -> web.Response:
        """The redirect to the file's address."""
        now = self._clock.now()
        if len(self._files) >= _SWEEP_FROM:
            self._files = {key: file for key, file in self._files.items() if file.until > now}
        key, signature = secrets.token_hex(16), secrets.token_hex(32)
        self._files[key] = File(body, content_type, headers or {}, now + life, signature, once)
        seconds = int(life.total_seconds())
        address = (
            f"{self._origin}/basware-sandbox/{key}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires={seconds}"
            f"&X-Amz-SignedHeaders=host&X-Amz-Signature={signature}"
        )
        return web.Response(status=302, headers={"Location": address})

    async def read(self, request: web.Request) -> web.Response:
        """The file, for those who come without credentials and in time."""
        if "Authorization" in request.headers:
            return object_store_refusal(400, "InvalidArgument", "Only one auth mechanism allowed")
        key = request.match_info["key"]
        file = self._files.get(key)
        if file is None or file.until <= self._clock.now():
            return object_store_refusal(403, "AccessDenied", "Request has expired")
        if request.query.get("X-Amz-Signature") != file.signature:
            return object_store_refusal(403, "SignatureDoesNotMatch", "The request signature does not match")
        if file.once:
            del self._files[key]
        return web.Response(body=file.body, content_type=file.content_type, headers=file.headers)


def object_store_refusal(status: int, code: str, message: str) -> web.Response:
    """How the object store refuses."""
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return web.Response(status=status, text=text, content_type="application/xml")


def image(title: str) -> bytes:
    """A one-page PDF that shows the title and says that it is simulated."""
    line = title.encode("latin-1", "replace").replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
    drawing = b"BT /F1 18 Tf 60 760 Td (" + line + b") Tj 0 -30 Td (Simulated invoice image) Tj ET"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawing), drawing),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, places = b"%PDF-1.4\n", list[int]()
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, len(out))
    return out + b"xref\n0 %d\n0000000000 65535 f \n" % size + table + trailer
