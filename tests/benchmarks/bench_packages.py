"""Whether folders show, compiled as packages, no fewer calls than their files show one by one.

Takes folders, each of which is one package; prints for each how many calls its files and its
package have, and the places that only the files have: what looks like a wrapper there may be a
step whose own call is shown. Bar: no package has fewer calls than its files.
"""

import sys

from charter_engine.contracts.graph import CompileResult
from charter_engine.store.compile_cache import CompileCache
from charter_engine.store.incremental import compile_incrementally
from charter_engine.store.source_files import python_files

Places = set[tuple[str, int, int]]


def places_in(result: CompileResult) -> Places:
    """Where the calls are: file, line and column."""
    return {
        (call.path, call.line, call.column or 0) for file in result.files for call in file.calls
    }


def compare(folder: str, cache: CompileCache) -> bool:
    """Print what the package lacks; whether it has as many calls."""
    files = python_files(folder)
    alone = places_in(compile_incrementally(files, cache, workers=1).result)
    together = places_in(compile_incrementally([folder], cache, workers=1).result)
    print(f"{folder}: {len(files)} files, {len(alone)} calls, {len(together)} as a package")
    for path, line, column in sorted(alone - together):
        print(f"  lacks {path}:{line}:{column}")
    return len(together) >= len(alone)


def main() -> int:
    with CompileCache(None) as cache:
        found = [compare(folder, cache) for folder in sys.argv[1:]]
    return 0 if all(found) else 1


if __name__ == "__main__":
    sys.exit(main())
