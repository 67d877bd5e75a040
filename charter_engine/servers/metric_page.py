"""A server's Prometheus page, by what is asked of it."""

from collections.abc import Mapping
from math import isfinite
from typing import Any, Self

from msgspec import Struct
from prometheus_client.parser import text_string_to_metric_families

Labels = Mapping[str, str]


class MetricPage(Struct, frozen=True):
    """Samples by name. A name is looked up as it is, with `_total` behind it, and with and without
    the prefixes that releases have put before it."""

    samples: dict[str, list[tuple[Labels, float]]] = {}
    prefixes: tuple[str, ...] = ("",)

    @classmethod
    def read(cls, text: str, prefixes: tuple[str, ...] = ("",)) -> Self:
        """Parse a page; what is no page is one without samples."""
        samples: dict[str, list[tuple[Labels, float]]] = {}
        try:
            for family in text_string_to_metric_families(text):
                for item in filter(_is_a_figure, family.samples):
                    samples.setdefault(item.name, []).append((item.labels, item.value))
        except ValueError:
            return cls(prefixes=prefixes)
        return cls(samples, prefixes)

    def sum(self, name: str) -> float | None:
        """Of all engines and models; None where there is no such figure."""
        found = self._found(name)
        return sum(value for _, value in found) if found else None

    def count(self, name: str) -> int:
        """How many samples there are of a name: one of each engine."""
        return len(self._found(name))

    def whole(self, name: str) -> int | None:
        """As `sum`, of what is counted."""
        value = self.sum(name)
        return None if value is None else int(value)

    def mean(self, name: str) -> float | None:
        """Over engines; None where there is no such figure."""
        found = self._found(name)
        return sum(value for _, value in found) / len(found) if found else None

    def labels(self, name: str) -> Labels:
        """Of the first sample of a name; empty where there is none."""
        found = self._found(name)
        return found[0][0] if found else {}

    def _found(self, name: str) -> list[tuple[Labels, float]]:
        for prefix in self.prefixes:
            for ending in ("", "_total"):
                if found := self.samples.get(f"{prefix}{name}{ending}"):
                    return found
        return []


def _is_a_figure(sample: Any) -> bool:
    return isfinite(sample.value)
