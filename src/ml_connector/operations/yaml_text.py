"""YAML with its line numbers, and without its traps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from ml_connector.operations.faults import Place

_TAG: Final = "tag:yaml.org,2002:"
_MOST_NODES: Final = 200_000
"""Aliases can make a short text grow without end."""


@dataclass(slots=True)
class YamlText:
    """The content, the line on which each place begins, and what was wrong (line, place, sentence)."""

    data: Any = None
    lines: dict[Place, int] = field(default_factory=dict)
    faults: list[tuple[int, Place, str]] = field(default_factory=list)

    def line(self, place: Place) -> int:
        """The line of a place, or of what would hold it."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)


def read_yaml(text: str) -> YamlText:
    """Reads one YAML text; what it cannot read is among the faults, never raised."""
    result = YamlText()
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        result.faults.append((mark.line + 1 if mark else 1, (), _problem(error.problem)))
    except yaml.YAMLError:
        result.faults.append((1, (), "The file is not YAML text."))
    else:
        if node is not None:
            result.data = _Reader(result).read(node, (), within=frozenset())
    return result


class _Reader:
    def __init__(self, result: YamlText) -> None:
        self.result = result
        self.scalars = yaml.constructor.SafeConstructor()
        self.count = 0

    def read(self, node: Node, place: Place, *, within: frozenset[int]) -> Any:
        self.count += 1
        if id(node) in within or self.count > _MOST_NODES:
            return self._fault(node, place, "An alias here repeats without end.")
        if isinstance(node, MappingNode):
            return self._mapping(node, place, within | {id(node)})
        if isinstance(node, SequenceNode):
            return [self._item(item, (*place, index), within | {id(node)}) for index, item in enumerate(node.value)]
        assert isinstance(node, ScalarNode)
        return self._scalar(node, place)

    def _item(self, node: Node, place: Place, within: frozenset[int]) -> Any:
        self.result.lines[place] = _line(node)
        return self.read(node, place, within=within)

    def _mapping(self, node: MappingNode, place: Place, within: frozenset[int]) -> dict[str, Any]:
        content: dict[str, Any] = {}
        merged: list[Node] = []
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                self._fault(key, place, "A key has to be a single word.")
            elif key.tag == f"{_TAG}merge":
                merged.append(value)
            elif key.value in content:
                first = self.result.lines[*place, key.value]
                self._fault(key, (*place, key.value), f"This key is here already, on line {first}.")
            else:
                self.result.lines[*place, key.value] = _line(key)
                content[key.value] = self.read(value, (*place, key.value), within=within)
        for value in merged:
            self._merge(value, place, content, within)
        return content

    def _merge(self, node: Node, place: Place, content: dict[str, Any], within: frozenset[int]) -> None:
        """`<<: *other`: what the mapping itself says wins."""
        for source in _merged(node):
            if not isinstance(source, MappingNode) or id(source) in within:
                self._fault(node, place, "`<<` takes a mapping.")
                return
            own = dict(self.result.lines)
            taken = self._mapping(source, place, within | {id(source)})
            for key in taken.keys() & content.keys():
                del taken[key]
            self.result.lines.update(own)
            content.update(taken)

    def _scalar(self, node: ScalarNode, place: Place) -> Any:
        kind = node.tag.removeprefix(_TAG)
        if kind in {"str", "timestamp"}:
            return node.value
        if kind in {"null", "bool"}:
            return self.scalars.construct_object(node)
        if kind == "int":
            # Octal, sexagesimal and the like are taken for fractions, which nothing in the file accepts.
            return int(node.value) if re.fullmatch(r"0|-?[1-9][0-9]{0,17}", node.value) else 0.5
        return 0.5 if kind == "float" else self._fault(node, place, "The file knows no `!` tags.")

    def _fault(self, node: Node, place: Place, sentence: str) -> None:
        self.result.faults.append((_line(node), place, sentence))


def _merged(node: Node) -> Iterator[Node]:
    if isinstance(node, SequenceNode):
        yield from node.value
    else:
        yield node


def _line(node: Node) -> int:
    return node.start_mark.line + 1


def _problem(problem: str | None) -> str:
    """The parser's sentence, without the words it quotes: they may be part of a secret."""
    said = re.sub(r"(alias|anchor|handle) .*", r"\1", problem or "it cannot be read")
    return f"This is not YAML: {said}."
