"""What is asked of a deployment's revisions. What comes of a push is in `contracts.deploy`."""

from msgspec import Struct

from charter_engine.contracts.deploy import Change, Revision


class PushWatch(Struct, frozen=True, kw_only=True):
    """Compare the requests of the first `seconds` after a push with those before, and take it back
    where they are worse by more than the share `margin`."""

    seconds: float
    margin: float = 0.05


class PushRequest(Struct, frozen=True, kw_only=True):
    """Make a plan file live.

    `agent` is the agent's source (None: where the plan says, from here or beside the plan).
    `base_revision` is the one it was decided on (None: whichever is live). `note` says why. `force`
    pushes over other people's changes and over another agent's plan. With `watch` it is taken back
    where requests go worse. `traffic` is a file of records to preview layouts for traffic on ("":
    what the deployment's tap holds).
    """

    plan: str
    agent: str | None = None
    base_revision: int | None = None
    note: str = ""
    force: bool = False
    watch: PushWatch | None = None
    traffic: str = ""


class RollbackRequest(Struct, frozen=True, kw_only=True):
    """Go back to `revision` (None: the one before; 0: the deployment as it was found). The others
    are as for a push."""

    revision: int | None = None
    base_revision: int | None = None
    note: str = ""
    force: bool = False


class DeploymentDrift(Struct, frozen=True, kw_only=True):
    """How a deployment differs from its live revision, in its served configurations and its files:
    somebody else's doing. `revision` None: nothing was pushed from here yet. `interruption` tells
    of a push that was cut short, and that nobody has taken back yet."""

    revision: int | None = None
    changes: tuple[Change, ...] = ()
    interruption: str = ""


class History(Struct, frozen=True, kw_only=True):
    """All revisions of a deployment on record, oldest first."""

    revisions: tuple[Revision, ...] = ()


class RevisionDetails(Struct, frozen=True, kw_only=True):
    """A revision with all that it put where: the files by their paths in the repository (None: no
    such file; one that is no text is told by its size), and the whole configurations that the
    server showed, as JSON by model."""

    revision: Revision
    files: dict[str, str | None] = {}
    served: dict[str, str] = {}


class RevisionComparison(Struct, frozen=True, kw_only=True):
    """How one revision's files differ from another's, field by field."""

    old: Revision
    new: Revision
    changes: tuple[Change, ...] = ()
