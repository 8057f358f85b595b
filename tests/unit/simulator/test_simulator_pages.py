"""The pages at /_simulator: what they show, that nothing in them is markup of others, and a million leads."""

import re
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import pytest

from marketo_simulator import Fault, Request, Response
from tests.unit.simulator.simulator_api import Api

VOID = {"meta", "input"}
XSS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</pre></td><svg/onload=alert(1)>",
    "</style><script>alert(1)</script>",
    "javascript:alert(1)",
    "&lt;b&gt;",
    "<!-- -->",
]


class Reader(HTMLParser):
    """Elements, attributes and text of a page; complains about markup that is not well formed."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: set[str] = set()
        self.attributes: list[tuple[str, str, str]] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    @property
    def links(self) -> list[str]:
        return [value for tag, name, value in self.attributes if (tag, name) == ("a", "href")]

    def rows(self) -> list[str]:
        return [text.strip() for text in self.text if text.strip()]


def shown(api: Api, target: str = "/_simulator") -> Response:
    return api.simulator.handle(Request.of("GET", target))


def read(api: Api, target: str = "/_simulator") -> Reader:
    answer = shown(api, target)
    assert answer.status == 200, target
    return Reader(answer.body.decode())


def everywhere(api: Api) -> Iterator[tuple[str, Reader]]:
    """Every page that can be reached by links from the first."""
    waiting, seen = ["/_simulator"], set()
    while waiting:
        target = waiting.pop()
        if target not in seen:
            seen.add(target)
            page = read(api, target)
            yield target, page
            waiting += page.links


def test_every_page_shows_what_there_is_and_every_link_leads_somewhere() -> None:
    api = Api(
        {
            "leads": [{"id": 7, "email": "ada@example.org", "firstName": "Ada"}],
            "lists": [{"id": 70, "name": "Webinar", "members": [7]}],
        }
    )
    api.simulator.script(Fault(code="606", path="describe"))
    api.get("/rest/v1/leads/describe.json")
    api.find("email", "ada@example.org")
    pages = dict(everywhere(api))
    assert {"/_simulator", "/_simulator/pages/leads/7", "/_simulator/pages/lists/70", "/_simulator/pages/limits"} < set(
        pages
    )
    assert "ada@example.org" in pages["/_simulator/pages/leads"].rows()
    assert {"Ada", "Webinar"} <= set(pages["/_simulator/pages/leads/7"].rows())
    assert "ada@example.org" in pages["/_simulator/pages/lists/70"].rows()
    assert "/Lead Database/Default/Group Lists" in pages["/_simulator/pages/lists"].rows()
    assert {"606", "GET /rest/v1/leads/describe.json"} <= set(pages["/_simulator/pages/calls"].rows())
    assert "2 of 100" in pages["/_simulator/pages/limits"].rows()
    refused = pages["/_simulator/pages/calls/2"].rows()
    assert "A fault of the script, effect 'error', was due for it." in refused
    assert any('"effect": "error"' in text for text in pages["/_simulator"].text)


@pytest.mark.parametrize("attack", XSS)
def test_values_of_others_are_text_wherever_they_are_shown(attack: str) -> None:
    api = Api(
        {
            "partitions": [{"name": attack}],
            "workspaces": [{"name": attack}],
            "folders": [{"name": attack, "workspace": attack}],
            "leads": [{"id": 7, "email": "a@example.org", "firstName": attack, "company": attack, "partition": attack}],
            "lists": [{"name": attack, "id": 70, "members": [7], "workspace": attack, "folder": attack}],
            "clients": [{"client_id": "client", "client_secret": "secret", "user": attack}],
        }
    )
    api.simulator.script(Fault("error", code=attack, message=attack, headers={"X-A": attack}, content_type=attack))
    api.find("email", attack, fields=attack)
    api.call("POST", f"/rest/v1/{attack.replace('?', '').replace('#', '')}", {attack: attack}, content={attack: attack})
    api.send("PATCH", "/rest/v1/leads.json", headers={attack: attack}, body=attack.encode())
    plain = {"html", "head", "meta", "title", "style", "body", "nav", "a", "h1", "h2", "p", "pre"}
    known = plain | {"table", "thead", "tbody", "tr", "th", "td", "form", "label", "input", "button", "meter"}
    texts = set()
    for target, page in everywhere(api):
        assert page.elements <= known, target
        assert {name for _, name, _ in page.attributes} <= {
            "lang", "charset", "name", "content", "href", "scope", "method", "action", "maxlength",
            "min", "max", "value",
        }  # fmt: skip
        assert all(urlsplit(link).path.startswith("/_simulator") and link.startswith("/_") for link in page.links)
        texts |= {text for text in page.text if attack in text}
    assert len(texts) >= 5
    for target in (
        f"/_simulator/pages/calls?code={attack}",
        f"/_simulator/pages/leads?q={attack}",
        f"/_simulator/{attack}",
    ):
        answer = shown(api, target.replace(" ", "+").replace("&", "%26").replace("#", "%23"))
        if answer.content_type.startswith("text/html"):
            assert Reader(answer.body.decode()).elements <= known


def test_no_page_runs_or_loads_anything() -> None:
    answer = shown(Api(), "/_simulator")
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert (answer.headers["X-Content-Type-Options"], answer.headers["Cache-Control"]) == ("nosniff", "no-store")
    assert not re.search(rb"<script|\son\w+=|https?://|src=", answer.body)


def test_no_secret_is_on_a_page() -> None:
    api = Api()
    api.get("/rest/v1/leads.json", access_token=api.token)
    for _, page in everywhere(api):
        text = unescape(" ".join(page.text))
        assert api.token not in text
        assert "client_secret=secret" not in text


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/_simulator/pages/nothing", 404),
        ("/_simulator/pages/leads/99", 404),
        ("/_simulator/pages/leads/x", 404),
        ("/_simulator/pages/leads/1/2", 404),
        (f"/_simulator/pages/calls/{'9' * 5000}", 404),
        ("/_simulator/pages/limits/1", 404),
        ("/_simulator/pages/leads?after=x", 400),
        ("/_simulator/pages/calls?since=x", 400),
        ("/_simulator/pages/calls?led=7", 400),
        (f"/_simulator/pages/calls?before={'9' * 5000}", 400),
        ("/_simulator/", 200),
        ("/_simulator/pages/", 200),
        ("/_simulator/pages/leads?q=%00%ff", 200),
    ],
)
def test_pages_that_are_not_there(target: str, status: int) -> None:
    answer = shown(Api(), target)
    assert (answer.status, answer.content_type) == (status, "text/html; charset=utf-8")
    Reader(answer.body.decode())


def test_text_that_no_charset_can_write_is_shown_all_the_same() -> None:
    api = Api()
    api.send("POST", "/_simulator/faults", body=b'{"code":"1","message":"\\ud800"}')
    api.get("/rest/v1/leads.json")
    assert all(page.elements for _, page in everywhere(api))


def test_a_leads_page_shows_what_happened_to_it_and_to_nobody_else() -> None:
    api = Api(
        {"leads": [{"id": 7, "email": "ada@example.org", "firstName": "Ida"}], "lists": [{"name": "L", "id": 70}]}
    )
    api.sync({"email": "ada@example.org", "firstName": "Ada"}, {"email": "bob@example.org"})
    api.call("POST", "/rest/v1/lists/70/leads.json", {"id": "7"})
    shown = read(api, "/_simulator/pages/leads/7").rows()
    told = shown[shown.index("Activities, the latest first") :]
    assert told.index("Add to List") < told.index("Change Data Value")
    assert "New Value: Ada; Old Value: Ida" in told
    assert "New Lead" not in told
    assert "New Lead" in read(api, "/_simulator/pages/leads/8").rows()


def test_calls_are_paged_back_to_the_first_and_chosen() -> None:
    api = Api(calls_per_window=3)
    for _ in range(120):
        api.get("/rest/v1/leads/partitions.json")
    target, pages, numbers = "/_simulator/pages/calls?method=GET", 0, []
    while target:
        page = read(api, target)
        numbers += [int(link.rpartition("/")[2]) for link in page.links if re.search(r"calls/\d+$", link)]
        target = next((link for link in page.links if "before=" in link), "")
        pages += 1
    assert numbers == list(range(121, 0, -1))
    assert pages == 3
    assert sum("/calls/" in link for link in read(api, "/_simulator/pages/calls?code=").links) == 4


def test_further_instances_have_pages_of_their_own() -> None:
    api = Api({"leads": [{"email": "a@example.org"}]}, instance="123-ABC-456")
    page = read(api, "/123-ABC-456/_simulator/pages/leads")
    assert "/123-ABC-456/_simulator/pages/leads/1" in page.links


def walked(api: Api, target: str) -> list[int]:
    """Ids on a page and all that follow it."""
    ids: list[int] = []
    while target:
        page = read(api, target)
        ids += [int(link.rpartition("/")[2]) for link in page.links if re.search(r"/leads/\d+$", link)]
        target = next((link for link in page.links if "after=" in link), "")
    return ids


def test_leads_and_members_are_paged_in_order_however_they_came() -> None:
    ids = [*range(500, 300, -1), *range(1, 121)]
    api = Api({"leads": [{"id": each} for each in ids], "lists": [{"name": "L", "id": 1, "members": ids[:130]}]})
    assert walked(api, "/_simulator/pages/leads") == sorted(ids)
    assert walked(api, "/_simulator/pages/lists/1") == sorted(ids[:130])
    assert walked(api, "/_simulator/pages/leads?q=333") == [333]
    assert walked(api, "/_simulator/pages/leads?q=334444") == []


def test_a_lead_is_found_by_its_address() -> None:
    api = Api({"leads": [{"email": "ada@example.org"}, {"email": "bob@example.org"}]})
    assert walked(api, "/_simulator/pages/leads?q=BOB@example.org") == [2]


def test_pages_of_others_do_not_steer() -> None:
    api = Api()
    answer: Any = api.send("POST", "/_simulator/reset", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status == 403
    assert api.send("POST", "/_simulator/reset", headers={"Sec-Fetch-Site": "same-origin"}).status == 200


@pytest.mark.parametrize(
    ("origin", "host", "status"),
    [
        ("http://evil.example", "192.0.2.7:9000", 403),  # a browser says no Sec-Fetch-Site to a plain address
        ("null", "127.0.0.1:9000", 403),
        ("http://[", "127.0.0.1:9000", 403),
        ("http://127.0.0.1:9000", "127.0.0.1:9000", 200),
        ("http://localhost:3000", "LOCALHOST:9000", 200),
        ("https://[::1]:9000", "[::1]:9000", 200),
    ],
)
def test_pages_of_others_are_known_by_their_origin_too(origin: str, host: str, status: int) -> None:
    answer: Any = Api().send("POST", "/_simulator/reset", headers={"Origin": origin, "Host": host})
    assert answer.status == status


@pytest.mark.parametrize(
    "query", ["clock?now=2030-01-01T00:00:00Z", "settings?import_busy_list=queue", "settings?quota_time_zone=UTC"]
)
def test_what_only_shows_changes_nothing(query: str) -> None:
    api = Api()
    before = api.call("GET", "/_simulator/settings"), api.call("GET", "/_simulator/clock")
    assert api.send("GET", f"/_simulator/{query}").status == 200
    assert (api.call("GET", "/_simulator/settings"), api.call("GET", "/_simulator/clock")) == before
    for name, body in (("clock", b'{"advance": 60}'), ("settings", b'{"latency": 1.5}')):
        assert api.send("HEAD", f"/_simulator/{name}", body=body).status == 200
    assert (api.call("GET", "/_simulator/settings"), api.call("GET", "/_simulator/clock")) == before
