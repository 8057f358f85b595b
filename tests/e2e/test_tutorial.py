"""The tutorial, walked: every request of docs/tutorial.md is sent in its order, and the answers are as it shows them.

Its blocks of the language `http` are requests and, where one follows, their answers. A property that an answer leaves
out may hold anything, and so may `…`; in a list it stands for any entries. `$NAME` is a variable: an answer gives it
its value the first time, everything later uses it.
"""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from tests.e2e.system import DELIVERY_SECONDS, HTTP_SECONDS, POLL_SECONDS, System

TUTORIAL = Path(__file__).resolve().parents[2] / "docs/tutorial.md"
MUNCHKIN_ID = "123-ABC-456"
ANYTHING = "…"
ANSWER = "HTTP/1.1 "


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request as the tutorial writes it, and the answer that it shows: its status and content, if any."""

    method: str
    url: str
    headers: dict[str, str]
    body: str
    status: int | None = None
    content: Any = ANYTHING


def exchanges(text: str) -> Iterator[Exchange]:
    blocks = re.findall(r"^```http\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    for block, following in zip(blocks, [*blocks[1:], ""], strict=True):
        if block.startswith(ANSWER):
            continue
        head, _, body = block.partition("\n\n")
        (method, url), *lines = [line.split(maxsplit=1) for line in head.splitlines()]
        headers = {name.removesuffix(":"): value for name, value in lines}
        if not following.startswith(ANSWER):
            yield Exchange(method, url, headers, body.strip())
            continue
        status, _, content = following.removeprefix(ANSWER).partition("\n\n")
        shown = json.loads(content) if content.strip() else ANYTHING
        yield Exchange(method, url, headers, body.strip(), int(status.split()[0]), shown)


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who follows the tutorial, and keeps what it says is to be kept."""

    http: requests.Session
    known: dict[str, Any] = field(default_factory=dict)

    def follow(self, exchange: Exchange) -> None:
        """What is read is read again until it is as shown: events take a moment to arrive."""
        deadline = time.monotonic() + (DELIVERY_SECONDS if exchange.method == "GET" else 0)
        while wrong := self.differences(exchange, answer := self.send(exchange)):
            told = f"{exchange.method} {exchange.url} answered {answer.status_code} {answer.text}"
            assert time.monotonic() < deadline, f"{told}: {', '.join(wrong)}"
            time.sleep(POLL_SECONDS)

    def send(self, exchange: Exchange) -> requests.Response:
        return self.http.request(
            exchange.method,
            self.filled(exchange.url),
            data=self.filled(exchange.body).encode() or None,
            headers={"Content-Type": "application/json"}
            | {name: self.filled(value) for name, value in exchange.headers.items()},
            timeout=HTTP_SECONDS,
        )

    def filled(self, text: str) -> str:
        return re.sub(r"\$([A-Z]+)", lambda name: str(self.known[name[1]]), text)

    def differences(self, exchange: Exchange, answer: requests.Response) -> list[str]:
        if exchange.status is None:
            return [] if answer.ok else [f"status {answer.status_code}"]
        if answer.status_code != exchange.status:
            return [f"status {answer.status_code} instead of {exchange.status}"]
        return [] if exchange.content == ANYTHING else self.compare(exchange.content, answer.json(), "")

    def compare(self, shown: Any, found: Any, path: str) -> list[str]:
        """Where what was found is not as shown. Variables keep their new values only if all of it is."""
        before = dict(self.known)
        if wrong := list(self._compare(shown, found, path)):
            self.known.clear()
            self.known.update(before)
        return wrong

    def _compare(self, shown: Any, found: Any, path: str) -> Iterator[str]:
        match shown:
            case str() if shown == ANYTHING:
                return
            case str() if re.fullmatch(r"\$[A-Z]+", shown):
                if self.known.setdefault(shown[1:], found) != found:
                    yield f"{path}: {found!r} is not {shown}"
            case dict() if isinstance(found, dict):
                for name, value in shown.items():
                    if name not in found:
                        yield f"{path}.{name} is missing"
                    else:
                        yield from self._compare(value, found[name], f"{path}.{name}")
            case list() if isinstance(found, list):
                yield from self._compare_lists(shown, found, path)
            case _ if shown != found:
                yield f"{path}: {found!r} instead of {shown!r}"

    def _compare_lists(self, shown: list[Any], found: list[Any], path: str) -> Iterator[str]:
        if ANYTHING in shown:
            rest = iter(found)
            for one in shown:
                if one != ANYTHING and not any(not self.compare(one, other, path) for other in rest):
                    yield f"{path}: no entry is like {one}"
        elif len(found) != len(shown):
            yield f"{path}: {len(found)} entries instead of {len(shown)}"
        else:
            for index, (one, other) in enumerate(zip(shown, found, strict=True)):
                yield from self._compare(one, other, f"{path}[{index}]")


def test_the_tutorial_can_be_followed(system: System) -> None:
    marketo = system.stack.marketo_url.replace("{munchkin_id}", MUNCHKIN_ID)
    reader = Reader(system.http, {"API": system.stack.api_url, "MARKETO": marketo})
    walked = list(exchanges(TUTORIAL.read_text()))
    assert len(walked) > 15
    for exchange in walked:
        reader.follow(exchange)
    assert {"ID", "TOKEN", "RUN", "NEW"} <= reader.known.keys()
    system.secrets.add(reader.known["TOKEN"])
