"""The requests after a push, watched beside whatever else is done with the deployment."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from charter_engine.contracts.deploy import PushReport, WatchReport
from charter_engine.contracts.deploying import PushWatch

if TYPE_CHECKING:
    from charter_engine.triton.deploy import Deployer
    from charter_engine.triton.watch import Before


class WatchedPush:
    """One push and the requests around it. Made before the push, by `about_to`."""

    def __init__(self, deployer: "Deployer", watch: PushWatch, before: "Before") -> None:
        self.asked = watch
        self._deployer = deployer
        self._before = before

    @classmethod
    async def about_to(cls, deployer: "Deployer", watch: PushWatch) -> Self:
        """With the requests that passed last under what is live. Raises `CharterError`."""
        from charter_engine.triton.watch import before_push

        return cls(deployer, watch, await before_push(deployer))

    async def observed(self, pushed: int, on_look: Callable[[WatchReport], None]) -> WatchReport:
        """What the requests under the pushed revision show in the time that is asked for; nothing
        is taken back yet. `on_look` hears of every look."""
        from charter_engine.triton.watch import observed

        return await observed(self._deployer, pushed, self._before, self.asked, on_look)

    async def taken_back(self, pushed: PushReport, told: WatchReport) -> PushReport:
        """The push taken back for what became worse. Raises `CharterError` where it could not
        be."""
        from charter_engine.triton.watch import taken_back

        return await taken_back(self._deployer, pushed, told)
