"""Reading many small objects at a time with little CPU: boto3 takes more than a millisecond of it for each."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from autowatch.aws.bulk.connection import BucketConnection, NotAnswered
from autowatch.aws.bulk.route import BucketRoute, find_route
from autowatch.aws.objects import Bucket

CONNECTIONS = 64
"""Requests under way at a time: an answer of S3 takes 10 to 30 ms, the work on it a third of one."""

CLIENT_READERS = 16
"""Objects that are read through the client at a time; it needs as many connections."""

# So many requests may stay without their object. Then a client, which is slower, is the quicker way. Each answer makes
# up for a part of one, so that a throttle now and then does not add up to that among a million objects.
_MOST_UNANSWERED = 200
_FORGIVEN = 0.01

_LOGGER = logging.getLogger(__name__)


def read_many(bucket: Bucket, keys: Sequence[str], use: Callable[[str, bytes], None]) -> None:
    """Gives the content of the object under each key to `use`, one after the other, in the order in which they come.

    The objects are asked for over connections of their own, signed with the client's credentials. What is not answered
    at once by the whole object is asked for through the client, which has the retries and the errors. So is everything
    where only the client can reach the bucket: see `find_route`.

    Args:
        use: takes a key and the object's content. It should be quick, since answers wait meanwhile.

    Raises:
        ObjectMissing: there is no object under one of the keys.
        Exception: what `use` raises; it may have been given a few more contents by then, but no further keys are read.
    """
    if not keys:
        return
    route, content = find_route(bucket, keys[0])
    use(keys[0], content)
    reading = _Reading(bucket, route, deque(keys[1:]), use)
    asyncio.run(reading.run(min(CONNECTIONS, len(keys) - 1)))


class _Reading:
    """Objects on their way."""

    def __init__(
        self,
        bucket: Bucket,
        route: BucketRoute | None,
        keys: deque[str],
        use: Callable[[str, bytes], None],
    ) -> None:
        self._bucket = bucket
        self._route, self._keys, self._use = route, keys, use
        self._unanswered, self._trouble = 0, 0.0
        self._pool = ThreadPoolExecutor(CLIENT_READERS)

    async def run(self, connections: int) -> None:
        try:
            await asyncio.gather(*(self._work() for _ in range(connections)))
        finally:
            self._pool.shutdown(cancel_futures=True)
        if self._unanswered:
            _LOGGER.info("objects read through the client", extra={"objects": self._unanswered})

    async def _work(self) -> None:
        connection = BucketConnection(self._route) if self._route else None
        try:
            while self._keys:
                key = self._keys.popleft()
                self._use(key, await self._read(connection, key))
        except BaseException:
            self._keys.clear()
            raise
        finally:
            if connection:
                connection.close()

    async def _read(self, connection: BucketConnection | None, key: str) -> bytes:
        if connection and self._trouble < _MOST_UNANSWERED:
            try:
                content = await connection.get(key)
            except NotAnswered as error:
                self._unanswered += 1
                self._trouble += 1
                _LOGGER.debug("not answered", extra={"key": key, "reason": str(error)})
            else:
                self._trouble = max(0.0, self._trouble - _FORGIVEN)
                return content
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._read_through_client, key)

    def _read_through_client(self, key: str) -> bytes:
        return self._bucket.read(key)[0]
