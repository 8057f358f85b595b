"""How the files of the console are served, and what the page is told."""

import json

import pytest

from destination.domain.console import ConsoleFile, NoPageError, config, page

BUILT = b'<!doctype html><html lang="en"><head><meta charset="utf-8"></head><body></body></html>'


def test_what_has_a_hash_in_its_name_is_kept_and_nothing_else() -> None:
    kept = ConsoleFile("assets/index-Ab12.js", b"").cache_control
    assert "immutable" in kept
    assert "max-age=31536000" in kept
    for path in ("index.html", "config.json", "icon.svg", "my-assets/x.js"):
        assert ConsoleFile(path, b"").cache_control == "no-cache"


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("index.html", "text/html; charset=utf-8"),
        ("assets/a.b.js", "text/javascript; charset=utf-8"),
        ("assets/a.css", "text/css; charset=utf-8"),
        ("assets/font.woff2", "font/woff2"),
        ("config.json", "application/json"),
        ("icon.svg", "image/svg+xml"),
        ("LICENSE", "application/octet-stream"),
    ],
)
def test_a_browser_is_told_what_each_file_is(path: str, content_type: str) -> None:
    assert ConsoleFile(path, b"").content_type == content_type


def test_the_page_connects_to_what_it_is_told_and_begins_at_the_root() -> None:
    """Both elements come before whatever the page loads, and the rest of it is as it was."""
    told = page(ConsoleFile("index.html", BUILT), ["https://api.example.org"]).content.decode()

    policy = (
        '<meta http-equiv="Content-Security-Policy" content="connect-src &#x27;self&#x27; https://api.example.org">'
    )
    assert told == BUILT.decode().replace("<head>", f'<head>{policy}<base href="/">')


def test_an_origin_cannot_end_the_element_that_it_is_in() -> None:
    told = page(ConsoleFile("index.html", BUILT), ['https://x"><script>'])
    assert b"<script>" not in told.content


@pytest.mark.parametrize("built", [b"<html></html>", BUILT + b"<head>"])
def test_a_page_without_its_head_is_not_served_without_the_policy(built: bytes) -> None:
    with pytest.raises(NoPageError, match="build the console again"):
        page(ConsoleFile("index.html", built), [])


def test_the_configuration_is_what_the_stack_says() -> None:
    told = {"host": "cloudfront", "region": "eu-central-1"}
    assert config(told).path == "config.json"
    assert json.loads(config(told).content) == told
