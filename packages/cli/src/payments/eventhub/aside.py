"""The synchronous credential and checkpoint store, for the asynchronous Event Hubs client: each call in a thread.

The asynchronous ones of the SDK would bring a second HTTP library into the image, for one small request a batch.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Final, Self, TypeVar

from azure.core.credentials import AccessToken, TokenCredential
from azure.eventhub.aio import CheckpointStore
from azure.eventhub.extensions.checkpointstoreblob import BlobCheckpointStore

_T = TypeVar("_T")
_GIVE_UP: Final = 20.0


class Credential:
    """Has the methods of AsyncTokenCredential."""

    def __init__(self, credential: TokenCredential) -> None:
        self._credential = credential

    async def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        return await asyncio.to_thread(self._credential.get_token, *scopes)

    async def close(self) -> None:
        """Nothing is open: the credential belongs to the process."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class Checkpoints(CheckpointStore):
    """Ownership and checkpoints in blobs."""

    def __init__(self, store: BlobCheckpointStore) -> None:
        self._store = store

    async def list_ownership(
        self, fully_qualified_namespace: str, eventhub_name: str, consumer_group: str, **_: Any
    ) -> Iterable[dict[str, Any]]:
        return await _in_time(self._store.list_ownership, fully_qualified_namespace, eventhub_name, consumer_group)

    async def claim_ownership(self, ownership_list: Iterable[dict[str, Any]], **_: Any) -> Iterable[dict[str, Any]]:
        return await _in_time(self._store.claim_ownership, ownership_list)

    async def update_checkpoint(self, checkpoint: dict[str, Any], **_: Any) -> None:
        await _in_time(self._store.update_checkpoint, checkpoint)

    async def list_checkpoints(
        self, fully_qualified_namespace: str, eventhub_name: str, consumer_group: str, **_: Any
    ) -> Iterable[dict[str, Any]]:
        return await _in_time(self._store.list_checkpoints, fully_qualified_namespace, eventhub_name, consumer_group)


async def _in_time(call: Callable[..., _T], *arguments: object) -> _T:
    """The blob client's own retries last for minutes; ownership must be renewed, or lost, sooner."""
    return await asyncio.wait_for(asyncio.to_thread(call, *arguments), _GIVE_UP)
