"""What a deployment's journal holds: revisions with everything needed to go back to them, and a
push that has begun."""

from msgspec import Struct
from msgspec.json import encode

from charter_engine.contracts.deploy import Revision
from charter_engine.triton.files import Contents, FileAttributes
from charter_engine.triton.sealed import checksum_of


class Record(Struct, frozen=True, kw_only=True):
    """A revision with everything needed to go back to it, by repository path: texts (None: no such
    file), and the contents of files that are no UTF-8.

    `attributes` are those of the files and directories of a deployment as it was found. `served`
    are the whole configurations, as JSON by model, that the server showed once the revision was
    live.
    """

    revision: Revision
    files: dict[str, str | None]
    raw: dict[str, bytes] = {}
    attributes: dict[str, FileAttributes] = {}
    served: dict[str, str] = {}


class Pending(Struct, frozen=True, kw_only=True):
    """A push that has begun. `files` and `raw` are what the changed files held, `attributes` what
    they and their directories had; `token` is that of the staged files. `stamps` are what the
    deployment showed before, and would show after: any other is somebody else's push.
    """

    number: int
    parent: int
    files: dict[str, str | None]
    raw: dict[str, bytes] = {}
    attributes: dict[str, FileAttributes] = {}
    token: str = ""
    stamps: tuple[str | None, ...] = ()


class DeploymentRecord(Struct, frozen=True, kw_only=True):
    """What a deployment is known by: the id that its `charter_bls` shows, and its model repository
    as a resolved path ("": out of reach from here)."""

    id: str
    repository: str = ""


def record_of(revision: Revision, contents: Contents) -> Record:
    """A revision with the contents of its files."""
    return Record(revision=revision, files=texts_of(contents), raw=raw_of(contents))


def contents_of(record: Record | Pending) -> dict[str, bytes | None]:
    """The files of a record."""
    texts = {path: None if text is None else text.encode() for path, text in record.files.items()}
    return {**texts, **record.raw}


def texts_of(contents: Contents) -> dict[str, str | None]:
    """The files that a record keeps as text: nearly all configurations, plans and sources are."""
    return {
        path: None if content is None else content.decode()
        for path, content in contents.items()
        if content is None or _is_text(content)
    }


def raw_of(contents: Contents) -> dict[str, bytes]:
    """The files that no text can hold."""
    return {
        path: content
        for path, content in contents.items()
        if content is not None and not _is_text(content)
    }


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def lineage_of(record: Record) -> str:
    """The checksum by which later revisions name this one: of what never changes once it is on
    record, so not of its state, note and figures."""
    revision = record.revision
    kept = (
        revision.number,
        revision.created_at,
        revision.parent,
        revision.parent_checksum,
        sorted(record.files.items()),
        sorted(record.raw.items()),
    )
    return checksum_of(encode(kept))
