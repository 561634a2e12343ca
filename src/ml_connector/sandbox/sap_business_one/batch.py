"""`$batch`: parts in their order, change sets all or nothing, stop at the first failure (B1 dossier 5.7)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus

from ml_connector.sandbox.sap_business_one.calls import Answer, Call, Visit, read_options, read_path
from ml_connector.sandbox.sap_business_one.errors import B1Error, RawRefusal, malformed
from ml_connector.sandbox.sap_business_one.table import Store
from ml_connector.sandbox.sap_business_one.wire import dump_json

_BOUNDARY = re.compile(r"boundary=\"?([^\";\s]+)")
_REQUEST = re.compile(r"([A-Z]+)\s+(\S+)(?:\s+HTTP/1\.\d)?")
_ROOT = re.compile(r"^(?:https?://[^/]+)?/+b1s/v[12]/")
Doer = Callable[[Visit], Answer]


@dataclass(frozen=True, slots=True)
class Part:
    """One request inside a batch."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    content_id: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The answer to one part; `text` is what its body says."""

    answer: Answer
    content_id: str

    @property
    def failed(self) -> bool:
        """True for an answer that stops the batch."""
        return self.answer.status >= 400


def run_batch(visit: Visit, do: Doer, store: Store) -> Answer:
    """Runs a batch; each part outside change sets stays as soon as it went well. Raises B1Error for a malformed one."""
    call = visit.call
    entries = _entries(call.headers.get("content-type", ""), call.body)
    answered: list[str] = []
    failed = False
    for entry in entries:
        ended = [_run(visit, entry, do, {})] if isinstance(entry, Part) else _run_set(visit, entry, do, store)
        store.commit()
        failed = any(each.failed for each in ended)
        inside = isinstance(entry, list) and not failed
        written = [_written(each, call.version) for each in ended]
        answered.append(_nested(written) if inside else written[0])
        if failed:
            break
    boundary = f"batchresponse_{uuid.uuid4()}"
    text = _multipart(boundary, answered)
    kind = f"multipart/mixed;boundary={boundary}"
    return Answer(202 if call.version == 3 else 200, raw=text.encode(), headers={"Content-Type": kind})


def _run_set(visit: Visit, parts: list[Part], do: Doer, store: Store) -> list[Ended]:
    """All answers of a change set, or the one of the part that failed after everything was taken back."""
    mark = store.mark()
    made: dict[str, str] = {}
    ended: list[Ended] = []
    for part in parts:
        one = _run(visit, part, do, made)
        if one.failed:
            store.rollback(mark)
            return [one]
        made[part.content_id] = _made(one.answer, visit)
        ended.append(one)
    return ended


def _made(answer: Answer, visit: Visit) -> str:
    return answer.headers.get("Location", "").removeprefix(f"{visit.call.root}/")


def _run(visit: Visit, part: Part, do: Doer, made: dict[str, str]) -> Ended:
    path, _, query = part.target.partition("?")
    steps = read_path(_ROOT.sub("", path)).split("/")
    if steps[0].startswith("$") and steps[0][1:] in made:
        steps[0] = read_path(made[steps[0][1:]])
    call = Call(
        method=part.method,
        path="/".join(steps),
        options=read_options(query),
        headers=part.headers,
        body=part.body,
        root=visit.call.root,
        version=visit.call.version,
    )
    try:
        answer = do(replace(visit, call=call))
    except B1Error as refused:
        answer = Answer(refused.status, refused.envelope(call.version))
    except RawRefusal as refused:
        answer = Answer(refused.status, raw=refused.body.encode(), headers={"Content-Type": refused.content_type})
    return Ended(answer, part.content_id)


def _entries(content_type: str, body: bytes) -> list[Part | list[Part]]:
    entries: list[Part | list[Part]] = []
    for headers, content in _split(content_type, body):
        kind = headers.get("content-type", "")
        if kind.startswith("multipart/mixed"):
            entries.append([_set_part(inner, text) for inner, text in _split(kind, content)])
        else:
            entries.append(_part(headers, content))
    return entries


def _set_part(headers: dict[str, str], content: bytes) -> Part:
    if headers.get("content-type", "").startswith("multipart/mixed"):
        raise _incomplete()
    part = _part(headers, content)
    if part.method == "GET":
        raise malformed("A GET request is not allowed inside a change set")
    return part


def _split(content_type: str, body: bytes) -> list[tuple[dict[str, str], bytes]]:
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise _incomplete()
    mark = b"--" + found[1].encode()
    pieces = body.replace(b"\r\n", b"\n").split(mark)
    if len(pieces) < 3 or not pieces[-1].startswith(b"--"):
        raise _incomplete()
    return [_headed(piece.lstrip(b"\n")) for piece in pieces[1:-1]]


def _headed(piece: bytes) -> tuple[dict[str, str], bytes]:
    head, blank, content = piece.partition(b"\n\n")
    if not blank:
        raise _incomplete()
    lines = (line.partition(":") for line in head.decode("utf-8", "replace").split("\n"))
    return {name.strip().lower(): value.strip() for name, _, value in lines}, content


def _part(headers: dict[str, str], content: bytes) -> Part:
    line, _, rest = content.lstrip(b"\n").partition(b"\n")
    request = _REQUEST.fullmatch(line.decode("utf-8", "replace").strip())
    if request is None:
        raise _incomplete()
    inner, _, body = rest.partition(b"\n\n") if not rest.startswith(b"\n") else (b"", b"", rest[1:])
    lines = (each.partition(":") for each in inner.decode("utf-8", "replace").split("\n") if each)
    inner_headers = {name.strip().lower(): value.strip() for name, _, value in lines}
    number = headers.get("content-id") or inner_headers.get("content-id", "")
    return Part(request[1], request[2], inner_headers, body.strip(), number)


def _incomplete() -> B1Error:
    return malformed("Incomplete Batch Request Body!")


def _written(ended: Ended, version: int) -> str:
    """One part of the answer; where Content-ID stands depends on the version (B1 dossier 2.1)."""
    answer = ended.answer
    outer = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
    inner = [f"{name}: {value}" for name, value in answer.headers.items()]
    if ended.content_id:
        (inner if version == 3 else outer).append(f"Content-ID: {ended.content_id}")
    text = answer.raw.decode("utf-8", "replace") if answer.raw is not None else ""
    if answer.body is not None:
        text = dump_json(answer.body)
        inner.append("Content-Type: application/json;charset=utf-8")
    status = f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"
    return "\r\n".join([*outer, "", status, *inner, "", text])


def _nested(parts: list[str]) -> str:
    boundary = f"changesetresponse_{uuid.uuid4()}"
    return f"Content-Type: multipart/mixed;boundary={boundary}\r\n\r\n{_multipart(boundary, parts)}"


def _multipart(boundary: str, parts: list[str]) -> str:
    opened = "".join(f"--{boundary}\r\n{part}\r\n" for part in parts)
    return f"{opened}--{boundary}--\r\n"
