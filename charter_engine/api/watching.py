"""The requests after a push, watched beside whatever else is done with the deployments."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Self

from msgspec.structs import replace

from charter_engine.contracts.deploy import PushReport, WatchReport
from charter_engine.contracts.deploying import PushWatch
from charter_engine.errors import CharterError

if TYPE_CHECKING:
    from charter_engine.triton.deploy import Deployer
    from charter_engine.triton.watch import Before, PushedServer


class WatchedPush:
    """One push to one server or several, and the requests around it. Made before the push, by
    `about_to`, and told by `begin` that it was made; of the servers those are watched at which it
    changed what is live."""

    def __init__(self, watch: PushWatch, before: "Sequence[tuple[Deployer, int, Before]]") -> None:
        self.asked = watch
        self._before = before
        self._pushed: tuple[PushedServer, ...] = ()

    @classmethod
    async def about_to(cls, deployers: "Sequence[Deployer]", watch: PushWatch) -> Self:
        """With the requests that passed last under what is live. Raises `CharterError`."""
        from charter_engine.triton.watch import before_push

        return cls(watch, [(one, _live_number(one), await before_push(one)) for one in deployers])

    def begin(self) -> bool:
        """The push was made; whether anything is to be watched: another revision is live at one
        server at least."""
        from charter_engine.triton.watch import PushedServer

        self._pushed = tuple(
            PushedServer(deployer, now, before)
            for deployer, live, before in self._before
            if (now := _live_number(deployer)) != live
        )
        return bool(self._pushed)

    async def observed(self, on_look: Callable[[WatchReport], None]) -> WatchReport:
        """What the requests under what was pushed show in the time that is asked for; nothing is
        taken back yet. `on_look` hears of every look."""
        from charter_engine.triton.watch import observed

        return await observed(self._pushed, self.asked, on_look)

    async def taken_back(self, told: WatchReport) -> PushReport:
        """The push taken back for what became worse, at every server that can be reached; what the
        first of them reports. Raises `CharterError` where it could not be at one of them."""
        from charter_engine.triton.watch import taken_back

        reports, failures = [], []
        for server in self._pushed:
            try:
                reports.append(await taken_back(server.deployer, server.revision, told))
            except CharterError as error:
                name = server.deployer.client.connection.url
                failures.append(error if len(self._pushed) == 1 else _at(name, error))
        if failures:
            raise failures[0]
        if len(reports) == 1:
            return reports[0]
        message = f"{reports[0].message}, and taken back on {len(reports) - 1} more"
        return replace(reports[0], message=message)


def _live_number(deployer: "Deployer") -> int:
    recorded = deployer.recorded()
    return recorded.number if recorded is not None else 0


def _at(server: str, error: CharterError) -> CharterError:
    return CharterError(f"{server}: {error.message}", remedy=error.remedy, kind=error.kind)
