"""Tables that stand within hand-written pages: keys and metrics."""

from charter_engine.monitor.metrics.catalogue import CATALOGUE, MetricDescription
from charter_tui.actions import ACTIONS
from charter_tui.present.help import SCOPE_TITLES, shown_keys
from scripts.reference.tables import code, table


def keys() -> str:
    """Every action of the console by its scope."""
    sections = []
    for scope, title in SCOPE_TITLES.items():
        rows = (
            (" ".join(map(code, shown_keys(action.keys).split())), code(action.id), action.about)
            for action in ACTIONS
            if action.scope == scope
        )
        sections.append(f"### {title}\n\n{table(('key', 'id', 'what it does'), rows)}")
    return "".join(sections)


def metrics() -> str:
    """Every family of the metrics page."""
    return table(("family", "kind", "labels", "what"), map(_family, CATALOGUE))


def _family(family: MetricDescription) -> tuple[str, ...]:
    name = family.whole_name + ("_total" if family.kind == "counter" else "")
    return code(name), family.kind, " ".join(map(code, family.labels)) or "–", family.help
