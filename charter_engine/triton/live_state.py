"""What is live on a deployment: as it shows itself, and as it is on record."""

import secrets
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from charter_engine.contracts.deploy import Revision
from charter_engine.contracts.plan import Plan
from charter_engine.triton import drift
from charter_engine.triton.bls_plan import planned_in
from charter_engine.triton.errors import ModelFailed, TritonRefused
from charter_engine.triton.journal import account_here
from charter_engine.triton.journal_records import DeploymentRecord, Record, contents_of, record_of
from charter_engine.triton.journals import new_identity
from charter_engine.triton.llmapi import MODEL_YAML
from charter_engine.triton.model_config import parameters_in, parameters_of
from charter_engine.triton.place import Place
from charter_engine.triton.release import (
    BLS_CONFIG,
    BLS_PLAN,
    CONFIG_OF,
    DEPLOYMENT_PARAMETER,
    REVISION_PARAMETER,
    Stamp,
    plan_text_of,
    stamp_of,
)
from charter_engine.triton.request import BLS_MODEL
from charter_engine.triton.sealed import Damaged
from charter_engine.triton.target import DeployTarget

STAMP_BYTES = 8
"""64 bits: no two pushes have one stamp."""


@dataclass(frozen=True)
class Live:
    """The live revision, if there is one, and the `plan.json` that is served."""

    revision: Revision | None
    plan_text: str | None


@dataclass(frozen=True)
class LiveState:
    """Reads what is live, and gives numbers and stamps to what is to be."""

    target: DeployTarget
    place: Place
    clock: Callable[[], float] = time.time

    async def read(self) -> Live:
        """What the deployment serves: as recorded, where it shows the recorded revision's stamp.
        Raises `Unreachable`."""
        record = self.target.journal.current()
        shown = await self.shown()
        if record is not None and stamp_of(bls_parameters_in(record)) == stamp_of(shown):
            return Live(record.revision, plan_text_of(contents_of(record)))
        text = plan_text_of(await self.place.read((BLS_CONFIG, BLS_PLAN)))
        plan = planned_in(text)
        if record is None and plan is None:
            return Live(None, text)
        number = _number(shown) if record is not None else 0
        return Live(self.found(number, plan or Plan(agent="")), text)

    async def shown(self) -> dict[str, str]:
        """The parameters of the served `charter_bls`; none where it serves none."""
        try:
            return parameters_of(await self.target.client.config(BLS_MODEL))
        except (TritonRefused, ModelFailed):
            return {}

    async def baseline(self) -> Record:
        """Revision 0: the deployment as it is found, put on record. Raises `Damaged` where one was
        there."""
        paths = {*CONFIG_OF.values(), BLS_PLAN, MODEL_YAML, *self.target.bls_template}
        files = await self.place.read(paths)
        plan = planned_in(plan_text_of(files)) or Plan(agent="")
        record = replace(
            record_of(self.found(0, plan), files),
            attributes=self.place.attributes(paths),
            served=await drift.served(self.target.client),
        )
        self.target.journal.keep_found(record)
        return record

    async def read_back(self) -> Record | None:
        """The revision that the deployment shows, with what it serves and holds; None where it
        shows none."""
        number = _number(await self.shown())
        if number == 0:
            return None
        files = await self.place.read({*CONFIG_OF.values(), BLS_PLAN, *self.target.bls_template})
        plan = planned_in(plan_text_of(files)) or Plan(agent="")
        revision = replace(
            self.found(number, plan), note="read back from the deployment", parent=0, state="live"
        )
        served = await drift.served(self.target.client)
        return replace(record_of(revision, files), served=served)

    def found(self, number: int, plan: Plan) -> Revision:
        """A revision that is live and was not pushed from here."""
        return Revision(
            number=number,
            created_at=self.clock(),
            deployment=self.target.client.connection.url,
            agent=plan.agent,
            plan=plan,
            note="as found",
            by=whoever_this_is(),
        )

    async def next_number(self) -> int:
        """A number that no revision has, pushed from here or from elsewhere."""
        return max(0, *self.target.journal.numbers(), _number(await self.shown())) + 1

    async def new_stamp(self, number: int) -> Stamp:
        """What tells a push of this moment from every other, also one of the same number."""
        deployment = await self._deployment()
        return Stamp(number, deployment.id, secrets.token_hex(STAMP_BYTES))

    async def _deployment(self) -> DeploymentRecord:
        """What the deployment is known by. One that shows an id already keeps it."""
        journal, repository = self.target.journal, self.target.repository
        try:
            known = journal.deployment()
        except Damaged:
            known = None
        shown = self.target.shown_id or (await self.shown()).get(DEPLOYMENT_PARAMETER)
        found = DeploymentRecord(
            id=known.id if known else shown or new_identity(),
            repository=str(repository) if repository else known.repository if known else "",
        )
        journal.keep_deployment(found)
        return found


def whoever_this_is() -> str:
    """The account that pushes, as revisions name it."""
    return f"{account_here()}@{socket.gethostname()}"


def bls_parameters_in(record: Record) -> dict[str, str]:
    """What `charter_bls` shows under a revision."""
    return parameters_in(contents_of(record).get(BLS_CONFIG), BLS_CONFIG)


def _number(shown: Mapping[str, str]) -> int:
    number = shown.get(REVISION_PARAMETER, "")
    return int(number) if number.isdecimal() else 0
