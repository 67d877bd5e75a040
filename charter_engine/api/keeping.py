"""The database looked over, copied and made smaller."""

from pathlib import Path

from charter_engine.contracts.keeping import StoreBackup, StoreCheck, StoreStatus, StoreVacuum
from charter_engine.errors import CharterError, UsageError

NOTHING_YET = "an engine or charter-engine run makes one"


def status(database: Path | None = None) -> StoreStatus:
    """What the database holds. Raises `UsageError` where there is none yet, and `CharterError`
    where it can't be read."""
    from charter_engine.store import maintenance
    from charter_engine.store.database import StoreError

    path = _present(database)
    try:
        return maintenance.status(path)
    except StoreError as error:
        raise CharterError(str(error), remedy="charter-engine store check") from error


def check(database: Path | None = None) -> StoreCheck:
    """Whether everything in the database can be read. Nothing is changed. Raises `UsageError`
    where there is none yet."""
    from charter_engine.store import maintenance

    return maintenance.check(_present(database))


def backup(target: Path, database: Path | None = None) -> StoreBackup:
    """Copy the database, also while engines use it, to a file that is not there yet. Raises
    `CharterError`; then there is no copy."""
    from charter_engine.store import maintenance
    from charter_engine.store.database import StoreError

    path = _present(database)
    if target.exists():
        raise UsageError(f"{target} exists", remedy="choose another file")
    try:
        return StoreBackup(path=str(target), bytes=maintenance.backup(path, target))
    except StoreError as error:
        raise CharterError(str(error), remedy="charter-engine store check") from error
    except OSError as error:
        raise CharterError(f"{target}: {error.strerror}") from error


async def vacuum(database: Path | None = None) -> StoreVacuum:
    """Forget what is beyond what is kept, and give the room back to the disk. Raises
    `CharterError`; then nothing is lost."""
    from charter_engine.store.database import Store, StoreError

    path = _present(database)
    before = path.stat().st_size
    try:
        async with Store(path) as store:
            forgotten = await store.prune()
            await store.vacuum()
    except StoreError as error:
        raise CharterError(str(error), remedy="stop the engines that use it, and try again") from (
            error
        )
    return StoreVacuum(
        path=str(path),
        forgotten=forgotten,
        bytes_before=before,
        bytes_after=path.stat().st_size,
    )


def _present(database: Path | None) -> Path:
    from charter_engine import paths

    path = database or paths.database_path()
    if not path.is_file():
        raise UsageError(f"there is no database at {path}", remedy=NOTHING_YET)
    return path
