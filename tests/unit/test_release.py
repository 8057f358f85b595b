"""A release has its part of the changelog, and its tag is its version's."""

import pytest

from docs.release import ReleaseError, check_tag, notes

CHANGELOG = """\
# Changelog

## [Unreleased]

## [1.1.0] - 2027-01-02

### Added
- Something.

## [1.0.0] - 2026-11-29

First.

[1.0.0]: https://example.org
"""


def test_the_notes_are_what_the_changelog_says_of_the_version() -> None:
    assert notes(CHANGELOG, "1.1.0") == "### Added\n- Something.\n"
    assert notes(CHANGELOG, "1.0.0") == "First.\n"


@pytest.mark.parametrize("version", ["1.2.0", "1", "1x1.0", "Unreleased"])
def test_a_version_of_which_nothing_is_said_is_not_released(version: str) -> None:
    with pytest.raises(ReleaseError, match="give what is under"):
        notes(CHANGELOG, version)


def test_a_version_with_an_empty_part_is_not_released() -> None:
    with pytest.raises(ReleaseError):
        notes("## [1.0.0] - 2026-11-29\n\n## [0.9.0] - 2026-01-01\n\nOld.\n", "1.0.0")


def test_the_tag_is_the_versions() -> None:
    check_tag("v1.0.0", "1.0.0")
    with pytest.raises(ReleaseError, match=r"tag v1\.0\.0"):
        check_tag("v1.0.1", "1.0.0")
