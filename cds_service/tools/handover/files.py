"""Resources to files, one each; those of an earlier run that are no longer written go away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

_OPTIONS = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE


def write_resources(folder: Path, resources: Iterable[Mapping[str, Any]], prefix: str) -> int:
    """Write each resource as `Type-id.json` and return how many they are.

    Files of the same types whose id begins with `prefix` and that are not among them are removed:
    left over from a run with another table, they would be taken for part of this one.
    """
    made = {f"{one['resourceType']}-{one['id']}.json": one for one in resources}
    folder.mkdir(parents=True, exist_ok=True)
    kinds = {one["resourceType"] for one in made.values()}
    for kind in kinds:
        for old in folder.glob(f"{kind}-{prefix}-*.json"):
            if old.name not in made:
                old.unlink()
    for name, resource in made.items():
        partial = folder / f"{name}.part"
        partial.write_bytes(orjson.dumps(resource, option=_OPTIONS))
        partial.replace(folder / name)
    return len(made)
