"""A window of the browser on the console, which knows what went wrong in it."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import ConsoleMessage, Locator, Page, Route

from tests.browser.chromium import AXE

PICTURES: Final = Path(os.environ.get("PICTURES", Path(__file__).resolve().parents[2] / ".pictures"))
DENIED: Final = {"Content-Type": "application/json", "x-amzn-ErrorType": "AccessDeniedException"}
"""The headers of what API Gateway answers whom IAM refuses; the local stack refuses nobody."""


@dataclass
class Window:
    """`errors` is what the page said went wrong: faults, refused resources, what the content policy held back."""

    page: Page
    origin: str
    errors: list[str] = field(default_factory=list)
    _awaited: list[str] = field(default_factory=list)

    def listen(self) -> None:
        self.page.on("console", self._told)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def expect_error(self, part: str) -> None:
        """Something that a test brings about is no error of the console."""
        self._awaited.append(part)

    def left(self) -> list[str]:
        return [error for error in self.errors if not any(part in error for part in self._awaited)]

    def open(self, address: str) -> None:
        """A screen by its address, as from a bookmark."""
        self.page.goto(f"{self.origin}/#{address}")

    def heading(self, name: str) -> Locator:
        return self.page.get_by_role("heading", name=name, exact=True)

    def table(self, name: str) -> Locator:
        """The table below a heading."""
        return self.page.get_by_role("table", name=name)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def settled(self) -> None:
        """Until nothing is on its way any more."""
        self.page.get_by_test_id("loading").first.wait_for(state="detached")
        self.page.wait_for_load_state("networkidle")

    def deny(self, path: str) -> None:
        """Lets IAM refuse the calls of a path (a pattern)."""
        self.answer(
            path, lambda route: route.fulfill(status=403, headers=DENIED, body='{"Message": "User is not authorized"}')
        )
        self.expect_error("403")

    def answer(self, path: str, how: Callable[[Route], Any]) -> None:
        self.page.route(f"**/api{path}", how)

    def violations(self) -> list[str]:
        """What axe finds against WCAG 2.2 AA on what is shown now."""
        self.page.evaluate(AXE.read_text())
        found = self.page.evaluate(
            "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})"
        )
        return [
            f"{one['id']}: {one['help']}: {node['html'][:200]} {node['failureSummary'][:300]}"
            for one in found["violations"]
            for node in one["nodes"]
        ]

    def picture(self, name: str) -> None:
        """For whoever wants to see what the test saw."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"console-{name}.png", full_page=False)

    def _told(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.errors.append(f"{message.text} ({message.location.get('url', '')})")
