"""Decides what a principal or a service may do, according to the deployed policies."""

import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sandbox.access.conditions import UnknownCondition
from sandbox.access.policies import Caller, Need, Statement, Verdict, decide, delegates, parse_policy
from sandbox.access.record import Record
from sandbox.access.refusals import explain
from sandbox.access.world import Values, World
from sandbox.errors import RoleUnusable

LOGGER = logging.getLogger("sandbox")
_ADMINISTRATOR = parse_policy(
    "administrator", {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
)


_TO_DELIVER = {
    "events": "events:PutEvents",
    "lambda": "lambda:InvokeFunction",
    "sns": "sns:Publish",
    "sqs": "sqs:SendMessage",
    "states": "states:StartExecution",
}


@dataclass(frozen=True)
class Sender:
    """A service that delivers on behalf of a resource, with a role's rights if it assumes one."""

    service: str
    source_arn: str
    role_arn: str | None = None


@dataclass(frozen=True)
class Decisions:
    """Decides on needs in one account, and records which requests the policies allowed."""

    world: World
    record: Record

    def objection(
        self, caller: Caller, needs: Iterable[Need], context: Mapping[str, str] | None = None
    ) -> str | None:
        """Why the caller's request is refused, in AWS's words; None if it is allowed.

        `context` adds condition keys of the request, by the key in lower case.
        """
        for need in needs:
            full = self._with_context(caller, need, context or {})
            try:
                verdict = self._judge(caller, full)
            except UnknownCondition as error:
                return f"The sandbox cannot judge {error}, which a policy for {need.action} uses."
            if not verdict.allowed:
                objection = explain(caller, need, verdict)
                LOGGER.warning("denied: %s", objection)
                return objection
            if caller.role_arn:
                self.record.note(caller.role_arn.rsplit("/", 1)[-1], full, verdict)
        return None

    def delivery_objection(self, sender: Sender, target_arn: str) -> str | None:
        """Why a service may not deliver to a function, machine, queue or topic; None if it may."""
        account = self.world.account
        caller = Caller(sender.service, account, service=sender.service)
        if sender.role_arn:
            try:
                self.world.check_trust(sender.role_arn, sender.service)
            except RoleUnusable as error:
                return str(error)
            name = sender.role_arn.rsplit("/", 1)[-1]
            arn = f"arn:aws:sts::{account}:assumed-role/{name}/{sender.service.split('.')[0]}"
            caller = Caller(arn, account, sender.role_arn)
        need = Need(_TO_DELIVER[target_arn.split(":")[2]], target_arn)
        return self.objection(caller, [need], {"aws:sourcearn": sender.source_arn})

    def _with_context(self, caller: Caller, need: Need, context: Mapping[str, str]) -> Need:
        known = {**self._context(caller), **{key: (value,) for key, value in context.items()}, **need.context}
        return Need(need.action, need.resource, Values(known, lambda: self.world.tags(need.resource)))

    def _judge(self, caller: Caller, need: Need) -> Verdict:
        resource = self.world.resource_statements(need.resource)
        identity = self._identity(caller)
        if need.resource.split(":")[2:3] == ["kms"] and not delegates(need, resource, caller.account):
            identity = ()
        return decide(need, identity, resource, caller)

    def _identity(self, caller: Caller) -> tuple[Statement, ...]:
        if caller.service:
            return ()
        return self.world.role_statements(caller.role_arn) if caller.role_arn else _ADMINISTRATOR

    def _context(self, caller: Caller) -> dict[str, tuple[str, ...]]:
        now = time.time()
        context = {
            "aws:currenttime": datetime.fromtimestamp(now, UTC).isoformat(),
            "aws:epochtime": str(int(now)),
            "aws:principalisawsservice": str(bool(caller.service)).lower(),
            "aws:requestedregion": self.world.region,
            "aws:resourceaccount": self.world.account,
            # Loopback counts as TLS.
            "aws:securetransport": "true",
            "aws:viaawsservice": "false",
        }
        if caller.service:
            context |= {"aws:principalservicename": caller.service, "aws:sourceaccount": self.world.account}
            if caller.service == "cloudwatch.amazonaws.com":
                # An alarm publishes on behalf of its account, which a topic's default policy allows.
                context["aws:sourceowner"] = self.world.account
        else:
            context |= {
                "aws:principalaccount": caller.account,
                "aws:principalarn": caller.role_arn or caller.arn,
                "aws:principaltype": "AssumedRole" if caller.role_arn else "Account",
                "aws:sourceip": "127.0.0.1",
                # The condition in SNS's default policy.
                "aws:sourceowner": caller.account,
            }
        return {key: (value,) for key, value in context.items()}
