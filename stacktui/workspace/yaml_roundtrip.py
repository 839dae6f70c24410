"""Edits through ruamel.yaml, for files that use anchors, tags or merges. Used where splicing gives up; loaded then."""

from __future__ import annotations

import copy
import io
from typing import Any

from stacktui.workspace.yaml_reader import UnquotedReference
from stacktui.workspace.yaml_splice import Unspliceable
from stacktui.workspace.yaml_tree import layout_of, parse_tree, same


def round_trip(text: str, current: Any, wanted: Any) -> str:
    """`text` with the value `wanted`, through ruamel's tree with comments. Raises `Unspliceable` if it cannot read it."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    tree = parse_tree(text)
    layout = layout_of(text, tree) if tree else None
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 1 << 20
    if layout is not None:
        yaml.indent(mapping=layout.step, sequence=layout.list_step + 2, offset=layout.list_step)
    try:
        loaded = yaml.load(text)
        _assign(loaded, current, wanted)
        out = io.StringIO()
        yaml.dump(loaded, out)
    except (YAMLError, TypeError, ValueError, LookupError, AttributeError) as error:
        raise Unspliceable from error
    result = out.getvalue()
    if layout is not None and layout.eol != "\n":
        result = result.replace("\n", layout.eol)
    return result if text.endswith(("\n", "\r")) else result.removesuffix(layout.eol if layout else "\n")


def _assign(node: Any, old: Any, new: Any) -> None:
    """Make ruamel's node hold `new`, in place and only where it differs."""
    for key in [key for key in old if key not in new]:
        del node[key]
    for place, (key, value) in enumerate(new.items()):
        if key in old and same(old[key], value):
            continue
        if key in old and isinstance(old[key], dict) and isinstance(value, dict) and value:
            if isinstance(old[key], UnquotedReference) or isinstance(value, UnquotedReference):
                node[key] = value
            else:
                child = node[key]
                if getattr(child, "anchor", None) is not None:
                    # What an alias stands for is one object: the change is meant for this place alone.
                    child = copy.deepcopy(child)
                    child.anchor.value = None
                    node[key] = child
                _assign(child, old[key], value)
        elif key in old:
            node[key] = value
        else:
            node.insert(min(place, len(node)), key, value)
