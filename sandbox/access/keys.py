"""The access keys of a sandbox: one for each principal, created at each start."""

import secrets
import string
import threading
from dataclasses import dataclass, field

from sandbox.access.policies import Caller

KEY_HEADER = "X-Sandbox-Key"
"""The header with the administrator's secret key, for the controls."""
_ALPHABET = string.ascii_uppercase + "234567"


@dataclass(frozen=True)
class Key:
    """An access key and its principal.

    Attributes:
        caller: the principal. The account's root is the administrator: no role's policy limits it.
    """

    access_key: str
    secret_key: str = field(repr=False)
    caller: Caller

    @property
    def is_administrator(self) -> bool:
        """Whether this is the developer's key."""
        return not self.caller.role_arn


class Keys:
    """All keys, by the key's id and by the role's session."""

    def __init__(self, account: str) -> None:
        self._account = account
        self._lock = threading.Lock()
        self._by_id: dict[str, Key] = {}
        self._by_session: dict[tuple[str, str], Key] = {}
        self.administrator = self._make(Caller(f"arn:aws:iam::{account}:root", account))

    def of_session(self, role_arn: str, session: str) -> Key:
        """The key of a role's session, created once; a function's session has the function's name."""
        with self._lock:
            known = self._by_session.get((role_arn, session))
            if known is None:
                role = role_arn.rsplit("/", 1)[-1]
                arn = f"arn:aws:sts::{self._account}:assumed-role/{role}/{session}"
                known = self._make(Caller(arn, self._account, role_arn))
                self._by_session[role_arn, session] = known
            return known

    def find(self, access_key: str) -> Key | None:
        """The key with this id."""
        return self._by_id.get(access_key)

    def _make(self, caller: Caller) -> Key:
        prefix = "ASIA" if caller.role_arn else "AKIA"
        name = prefix + "".join(secrets.choice(_ALPHABET) for _ in range(16))
        key = Key(name, secrets.token_urlsafe(30), caller)
        self._by_id[name] = key
        return key
