"""What is asked of a deployment's revisions. The results are in `contracts.deploy`."""

from msgspec import Struct

from charter_engine.contracts.deploy import Change, Revision


class PushRequest(Struct, frozen=True, kw_only=True):
    """Make a plan file live.

    `agent` is the agent's source (None: where the plan says, from here or beside the plan).
    `base_revision` is the one it was decided on (None: whichever is live). `force` pushes over
    other people's changes and over another agent's plan. `traffic` is a file of records to preview
    layouts for traffic on ("": what the deployment's tap holds).
    """

    plan: str
    agent: str | None = None
    base_revision: int | None = None
    note: str = ""
    force: bool = False
    traffic: str = ""


class RollbackRequest(Struct, frozen=True, kw_only=True):
    """Go back to `revision` (None: the one before; 0: the deployment as it was found). The others
    are as for a push."""

    revision: int | None = None
    base_revision: int | None = None
    force: bool = False


class DeploymentDrift(Struct, frozen=True, kw_only=True):
    """How a deployment differs from its live revision, in its served configurations and its files:
    somebody else's doing. `revision` None: nothing was pushed from here yet."""

    revision: int | None = None
    changes: tuple[Change, ...] = ()


class History(Struct, frozen=True, kw_only=True):
    """All revisions of a deployment on record, oldest first."""

    revisions: tuple[Revision, ...] = ()
