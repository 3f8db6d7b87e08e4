"""Fair queueing: several owners share one thing, and none has to wait for all the work of another."""

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

Owner = TypeVar("Owner", bound=Hashable)
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[Item]):
    item: Item
    cost: float
    kind: Hashable
    arrival: int


class FairQueue(Generic[Owner, Item]):
    """
    A queue of items of several owners; each owner's items keep their order.

    It is start-time fair queueing (Goyal, Vin and Cheng, 1996): an owner has a clock that runs by the cost of what it
    was served, the owner whose clock is behind comes next, and a newcomer's clock starts where the service is now. So
    a newcomer is served next, however long the line of the others is, and no owner gains by having been idle.
    """

    def __init__(self) -> None:
        self._lines: dict[Owner, deque[_Waiting[Item]]] = {}
        self._clocks: dict[Owner, float] = {}
        self._now = 0.0
        self._arrivals = 0

    def __len__(self) -> int:
        return sum(len(line) for line in self._lines.values())

    def waiting(self, owner: Owner) -> int:
        """Return the number of waiting items of *owner*."""
        return len(self._lines.get(owner, ()))

    def put(self, owner: Owner, item: Item, *, cost: float, kind: Hashable = None) -> None:
        """Add an item. Only items of equal *kind* are ever taken together; *cost* is in any one unit."""
        line = self._lines.setdefault(owner, deque())
        if not line:
            self._clocks[owner] = max(self._clocks.get(owner, self._now), self._now)
        self._arrivals += 1
        line.append(_Waiting(item, cost, kind, self._arrivals))

    def take(self, limit: int) -> list[tuple[Owner, Item]]:
        """Return the next items, at most *limit*, all of the kind of the first; nothing if the queue is empty."""
        taken: list[tuple[Owner, Item]] = []
        kind: Hashable = None
        while len(taken) < limit:
            owner = self._next_owner(kind) if taken else self._next_owner()
            if owner is None:
                break
            if not taken:
                self._now = max(self._now, self._clocks[owner])
                kind = self._lines[owner][0].kind
            first = self._lines[owner].popleft()
            self._clocks[owner] += first.cost
            taken.append((owner, first.item))
        return taken

    def leave(self, owner: Owner) -> int:
        """Forget *owner* and return the number of its items that were still waiting."""
        self._clocks.pop(owner, None)
        return len(self._lines.pop(owner, ()))

    def _next_owner(self, *kinds: Hashable) -> Owner | None:
        """Return the owner whose clock is behind, among those whose first item is of one of *kinds* (none: of any)."""
        ready = (owner for owner, line in self._lines.items() if line and (not kinds or line[0].kind in kinds))
        return min(ready, key=lambda owner: (self._clocks[owner], self._lines[owner][0].arrival), default=None)
