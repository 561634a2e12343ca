"""Files: entries with a line per file, uploaded as multipart forms (`plugs.Attachments`; B1 dossier 7.4)."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ml_connector.sandbox.sap_business_one.books import Books
from ml_connector.sandbox.sap_business_one.errors import RawRefusal, malformed, no_records, rejected
from ml_connector.sandbox.sap_business_one.schema import Row

_LIMIT = 50 * 1024 * 1024
_FOLDER = "/usr/sap/SAPBusinessOne/attachments"
_TOO_LARGE = (
    "<html><head><title>413 Request Entity Too Large</title></head><body>Request Entity Too Large</body></html>"
)
_BOUNDARY = re.compile(r"boundary=([^;\s]+)", re.IGNORECASE)
_PARAMETER = re.compile(rb'(\w+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class File:
    """One uploaded file; B1 keeps name and extension apart."""

    name: str
    extension: str
    content: bytes


def upload(books: Books, content_type: str, raw: bytes) -> Row:
    """Stores the files of a new entry; raises B1Error, or RawRefusal where the web server refuses."""
    files = _read_files(books, content_type, raw)
    entry = books.next_entry("Attachments2")
    lines = [_line(books, entry, place, file) for place, file in enumerate(files, 1)]
    contents = {_full_name(line): file.content for line, file in zip(lines, files, strict=True)}
    return books.table("Attachments2").put(
        {"AbsoluteEntry": entry, "Attachments2_Lines": lines, "_contents": contents},
    )


def change(books: Books, key: int, content_type: str, raw: bytes) -> None:
    """A file of a known name takes the place of that line, any other is added. Raises as `upload` does."""
    table = books.table("Attachments2")
    row = table.get(key)
    if row is None:
        raise no_records()
    lines: list[Row] = list(row["Attachments2_Lines"])
    contents: dict[str, bytes] = dict(row["_contents"])
    for file in _read_files(books, content_type, raw):
        known = [_full_name(line) for line in lines]
        line = _line(books, key, len(lines) + 1, file)
        name = _full_name(line)
        if name in known:
            lines[known.index(name)] = {**line, "LineNum": known.index(name) + 1}
        else:
            lines.append(line)
        contents[name] = file.content
    table.put({**row, "Attachments2_Lines": lines, "_contents": contents})


def download(books: Books, key: int, filename: str | None) -> tuple[bytes, str]:
    """A file and its content type; the first one without a name. Raises B1Error."""
    row = books.table("Attachments2").get(key)
    if row is None:
        raise no_records()
    name = filename or _full_name(row["Attachments2_Lines"][0])
    content = row["_contents"].get(name)
    if content is None:
        raise no_records()
    return content, mimetypes.guess_type(name)[0] or "application/octet-stream"


def files_of(books: Books, entry: int | None) -> int:
    """How many files hang on a document."""
    row = None if entry is None else books.table("Attachments2").get(entry)
    return 0 if row is None else len(row["Attachments2_Lines"])


def _line(books: Books, entry: int, place: int, file: File) -> Row:
    return {
        "AbsoluteEntry": entry,
        "LineNum": place,
        "SourcePath": _FOLDER,
        "TargetPath": _FOLDER,
        "FileName": file.name,
        "FileExtension": file.extension,
        "AttachmentDate": books.today(),
        "UserID": "1",
        "Override": "tNO",
    }


def _full_name(line: Row) -> str:
    return f"{line['FileName']}.{line['FileExtension']}" if line["FileExtension"] else line["FileName"]


def _read_files(books: Books, content_type: str, raw: bytes) -> list[File]:
    if len(raw) >= _LIMIT:
        raise RawRefusal(413, _TOO_LARGE)
    if not content_type.lower().startswith("multipart/form-data"):
        raise malformed("Specify the files as multipart/form-data")
    boundary = _BOUNDARY.search(content_type)
    if boundary is None or boundary[1].startswith('"'):
        raise RawRefusal(405, "<html><head><title>405 Method Not Allowed</title></head></html>")
    if not books.switches.attachments_folder:
        raise rejected("Attachments folder not defined, or Attachments folder has been changed or removed")
    files = list(_files(raw, b"--" + boundary[1].encode()))
    if not files:
        raise malformed("The request has no part named 'files' with a file name")
    return files


def _files(raw: bytes, delimiter: bytes) -> Iterator[File]:
    """The parts named `files`, whatever else there is."""
    for part in (b"\r\n" + raw).split(b"\r\n" + delimiter)[1:]:
        if part.startswith(b"--"):
            return
        head, separator, content = part.partition(b"\r\n\r\n")
        named = {name.lower(): value for name, value in _PARAMETER.findall(head)}
        if separator and named.get(b"name") == b"files" and named.get(b"filename"):
            name, dot, extension = named[b"filename"].decode("utf-8", "replace").rpartition(".")
            yield File(name if dot else extension, extension if dot else "", content)
