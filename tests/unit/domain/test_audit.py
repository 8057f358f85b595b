"""What of an audit record is kept."""

from destination.domain.audit import MAX_CHANGES, AuditChange, bounded


def test_what_is_too_long_to_be_kept_keeps_its_paths() -> None:
    short = (AuditChange("name", "a", "b"),)
    assert bounded(short) == short
    long = tuple(AuditChange(f"mapping.field{number}", None, "x" * 300) for number in range(MAX_CHANGES // 300))
    assert bounded(long) == tuple(AuditChange(change.path, None, "too long to be kept") for change in long)
    endless = tuple(AuditChange(f"mapping.{'x' * 300}{number}", None, None) for number in range(MAX_CHANGES // 100))
    kept = bounded(endless)
    assert 0 < len(kept) < len(endless)
    assert [change.path for change in kept] == [change.path for change in endless[: len(kept)]]
