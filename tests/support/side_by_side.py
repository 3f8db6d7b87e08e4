"""Test files side by side, each in the process that has made what it shares with others."""

import ast
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from xdist.scheduler import LoadFileScheduling

SHARED = {
    **dict.fromkeys(("prefect_server", "warm_pool", "warm", "idle_pool"), "server"),
    **dict.fromkeys(("prefect", "run_dashboard", "dashboard", "small_dashboard"), "dashboard and server"),
    "stack": "stack",
    "fragile": "fragile stack",
}
"""By fixtures: what takes many seconds to start, and is made once in each process for all of its tests."""


class SharingFiles(LoadFileScheduling):
    """
    Gives a process the next file that uses what it has made, or else the next one that uses nothing another has made.

    Two processes that start a stack each would share two cores with both of them, until all tests are done.
    """

    def _assign_work_unit(self, node) -> None:
        here = self._made(node)
        elsewhere = set().union(*(self._made(other) for other in self.nodes if other is not node))
        more = {file: shared_by(file) - here for file in self.workqueue}
        kin = (file for file in more if shared_by(file) and not more[file])
        fresh = (file for file in more if not more[file] & elsewhere)
        chosen = next(kin, None) or next(fresh, None) or next(iter(more))
        self.workqueue.move_to_end(chosen, last=False)
        super()._assign_work_unit(node)

    def _made(self, node) -> set[str]:
        return set().union(*(shared_by(file) for file in self.assigned_work.get(node, ())))


@lru_cache
def shared_by(file: str) -> frozenset[str]:
    """Return what the tests and fixtures of a file share with others."""
    functions = (part for part in ast.walk(ast.parse(Path(file).read_bytes())) if isinstance(part, ast.FunctionDef))
    return frozenset(SHARED[name] for function in functions for name in _used(function) if name in SHARED)


def _used(function: ast.FunctionDef) -> Iterator[str]:
    """Yield the fixtures of a test or a fixture; a helper gets what it works with from them."""
    decorators = [ast.unparse(one) for one in function.decorator_list]
    if function.name.startswith("test_") or any("fixture" in one for one in decorators):
        yield from (argument.arg for argument in function.args.args)
    yield from (name for name in SHARED for one in decorators if f"usefixtures('{name}'" in one)
