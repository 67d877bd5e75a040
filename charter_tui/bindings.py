"""The action table as Textual bindings."""

from textual.binding import Binding, BindingType

from charter_tui.action import Scope
from charter_tui.actions import in_scope


def bindings(*scopes: Scope) -> list[BindingType]:
    """Textual bindings for every action of those scopes; the footer shows them in this order."""
    return [
        Binding(
            action.keys,
            action.action,
            action.label,
            show=bool(action.footer),
            tooltip=action.about,
            id=action.id,
            key_display=action.key_display,
        )
        for scope in scopes
        for action in in_scope(scope)
    ]
