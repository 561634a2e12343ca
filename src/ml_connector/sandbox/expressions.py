"""Filter expressions: what the servers' grammars share. What a term is, and how a refusal reads, is each one's own."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from operator import eq, ge, gt, le, lt, ne
from typing import Any, ClassVar, Final, Generic, NoReturn, TypeVar

F = TypeVar("F")

COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "eq": eq, "ne": ne, "gt": gt, "ge": ge, "lt": lt, "le": le,
}  # fmt: skip
"""OData's comparisons."""


def tokens_of(text: str, token: re.Pattern[str], *, refused: Callable[[int], Exception]) -> list[str]:
    """The tokens of an expression, without the blanks between them. Raises `refused` of the place that fits none."""
    tokens: list[str] = []
    at = 0
    text = text.strip(" ")
    while at < len(text):
        match = token.match(text, at)
        if match is None:
            raise refused(at)
        tokens.append(match[0].strip())
        at = match.end()
    return tokens


def unquoted(literal: str) -> str:
    """The text of a quoted literal, its doubled quotes made single."""
    return literal[1:-1].replace("''", "'")


class Expression(ABC, Generic[F]):
    """Recursive descent over tokens: or, and, brackets, terms. `F` is what a part of it comes to."""

    shouts: ClassVar[bool] = False
    """AND and OR may be written in any case."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self.tokens = tokens
        self.at = 0

    def whole(self) -> F:
        """What the whole expression comes to."""
        parsed = self._any()
        if self.at < len(self.tokens):
            self.refuse()
        return parsed

    @abstractmethod
    def term(self) -> F:
        """What begins here and is no bracket: a comparison, a function, a negation."""

    @abstractmethod
    def both(self, left: F, right: F) -> F:
        """What holds where both hold."""

    @abstractmethod
    def either(self, left: F, right: F) -> F:
        """What holds where one of them holds."""

    @abstractmethod
    def refuse(self) -> NoReturn:
        """Raises the server's refusal of what stands here."""
        raise NotImplementedError

    def peek(self, ahead: int = 0) -> str:
        """The token that comes, empty at the end."""
        at = self.at + ahead
        return self.tokens[at] if at < len(self.tokens) else ""

    def take(self, wanted: str = "") -> str:
        """The token that comes, gone past; refused where there is none, or another than is wanted."""
        token = self.peek()
        if not token or (wanted and token != wanted):
            self.refuse()
        self.at += 1
        return token

    def one(self) -> F:
        """A bracket or a term."""
        if self.peek() != "(":
            return self.term()
        self.take()
        inside = self._any()
        self.take(")")
        return inside

    def _any(self) -> F:
        left = self._all()
        while self._comes("or"):
            self.take()
            left = self.either(left, self._all())
        return left

    def _all(self) -> F:
        left = self.one()
        while self._comes("and"):
            self.take()
            left = self.both(left, self.one())
        return left

    def _comes(self, word: str) -> bool:
        token = self.peek()
        return (token.lower() if self.shouts else token) == word
