"""Labels, marketing actions and policies: what is refused, what is warned of, and where a violation can be mended."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from marketo_simulator import Simulator
from testing.bad_configurations import DEDUPE, FIRST, LAST, Case, mapping
from testing.bad_configurations.asking import Asked, Prepared
from testing.control_plane import AUD_1, CREATE, ApiAnswer, activated, call, created, delivering
from testing.marketo import START

CORE: Final = "corepolicy_0003"
MAIL: Final[Mapping[str, Any]] = {"marketing_actions": ["emailTargeting"]}
PHONE: Final = {"source": "phone", "target": "phone"}


def _policy(status: str) -> dict[str, Any]:
    return {"policies": [{"id": CORE, "status": status}]}


def _policed(status: str = "enabled", audience: Sequence[str] | None = None, **changes: object) -> Prepared:
    """A connection, with an audience that has these labels, and then a policy that denies e-mail for C4 and C5."""

    def prepared(_: Simulator) -> str:
        made = created(**changes)
        if audience is not None:
            assert activated(made, labels=audience).status == 201
        assert call("PUT", "/governance/policies", _policy(status)).status == 200
        return made

    return prepared


def _delivered(marketo: Simulator) -> str:
    """One that has delivered, and is found by what is labelled."""
    made = _policed(**mapping(_labelled(DEDUPE, "C4"), FIRST, LAST))(marketo)
    assert delivering().begin_delivery(made, 1, START)
    return made


def _enabled(_: Simulator) -> str:
    made = created(**MAIL, **mapping(DEDUPE, FIRST, LAST, _labelled(PHONE, "C4")))
    assert activated(made).status == 201
    assert call("POST", f"/connections/{made}/enable").status == 200
    return made


def _labelled(row: Mapping[str, Any], *labels: str) -> dict[str, Any]:
    return {**row, "labels": list(labels)}


def _warnings(_: str, answer: ApiAnswer) -> Sequence[Mapping[str, str]]:
    return list(answer.json["warnings"])


_SIGNS: Final = {"description": "Signed."}
CREATED: Final = Asked("POST", "/connections", {**CREATE, **MAIL}, _policed())
DRAFTED: Final = Asked("POST", "/connections", {**CREATE, **MAIL}, _policed("draft"), said=_warnings)
CHANGED: Final = Asked("PATCH", "…", _SIGNS, _policed(audience=["C4"]))
DELIVERED: Final = Asked("PATCH", "…", _SIGNS, _delivered)
RELABELLED: Final = Asked("PATCH", "…", _SIGNS, _policed(**mapping(DEDUPE, _labelled(FIRST, "I1"), LAST)))
ACTIVATED: Final = Asked("POST", "…/audiences", {"id": "aud-1", "name": "Webinar"}, _policed(**MAIL))
AUDIENCE_CHANGED: Final = Asked("PATCH", f"…/audiences/{AUD_1}", {"name": "Webinar"}, _policed(audience=["I1"]))
LABELLED: Final = Asked(
    "PATCH",
    "…/labels",
    {"sources": {FIRST["source"]: ["I1"]}},
    _policed(audience=[], **MAIL, **mapping(DEDUPE, FIRST, LAST, PHONE)),
)
POLICIES: Final = Asked("PUT", "/governance/policies", _policy("draft"), _enabled)

_NEVER: Final = "C12 data is never exported"
_OTHER_CALL: Final = (
    "cannot be taken off with this call: PATCH …/labels takes labels off, with the permission Apply Data Usage Labels"
)
_NOBODY: Final = f"{_NEVER}, and nobody can be found by it: map a source to DedupeField that may be exported"
_OUT: Final = f"{_NEVER}: leave the audience out, or build it without such data"
_NO_POLICY: Final = "is named by no policy, so that nothing is ever denied for it"
_ACTIONS: Final = (
    "analytics, combineWithDirectlyIdentifiableData, crossSiteTargeting, dataScience, emailTargeting, "
    "exportToThirdParty, onsiteAdvertising, onsitePersonalization, segmentMatch and singleIdentityPersonalization"
)
_OR_CORRECT: Final = "or, if its labels are wrong, correct them (PATCH …/labels takes off those that are stored)"
_AUDIENCE: Final = "audience aud-1 (any namespace)"
_NOBODY_NEW: Final = f"{_NEVER}, and nobody can be created without it: map a source to firstName that may be exported"
_TAKEN_OFF: Final = f"I1 of source {FIRST['source']} {_OTHER_CALL}"
_WITHOUT_ONE: Final = "which cannot do without one"
_FIRST_SOURCE: Final = (
    f"source {FIRST['source']} is labelled C4: map another source to firstName, {_WITHOUT_ONE} to create people, or "
    f"take the row out with update_existing_only; {_OR_CORRECT}"
)
_DEDUPE_SOURCE: Final = f"source {DEDUPE['source']} is labelled C4"
_DENIED: Final = f"policy Restrict email targeting ({CORE}) denies emailTargeting for data labelled C4"
_DRAFT: Final = (
    f"draft policy Restrict email targeting ({CORE}) would be violated: it denies emailTargeting for data labelled C4"
)
_ROW_OUT: Final = f"source phone is labelled C4: take the row out of the mapping; {_OR_CORRECT}"

GOVERNED: Final[Sequence[tuple[Asked, Sequence[Case]]]] = (
    (
        CREATED,
        [
            (mapping(_labelled(DEDUPE, "C12"), FIRST, LAST), "mapping[0].labels", _NOBODY),
            (
                mapping(DEDUPE, _labelled(FIRST, "C12"), LAST),
                "mapping[1].labels",
                f"{_NOBODY_NEW}, or choose update_existing_only",
            ),
        ],
    ),
    (
        DRAFTED,
        [
            (
                mapping(DEDUPE, FIRST, LAST, _labelled(PHONE, "C12")),
                "mapping[3]",
                f"is not sent: {_NEVER}; leave the row out",
            ),
            (
                mapping(DEDUPE, FIRST, LAST, _labelled(PHONE, "C4")),
                "mapping[3].labels",
                f"{_DRAFT}; {_ROW_OUT}",
            ),
            (
                {"marketing_actions": ["survey"]},
                "marketing_actions[0]",
                f"survey {_NO_POLICY}; those that policies name are {_ACTIONS}",
            ),
        ],
    ),
    (
        RELABELLED,
        [(mapping(DEDUPE, FIRST, LAST), "mapping[1].labels", _TAKEN_OFF)],
    ),
    (AUDIENCE_CHANGED, [({"labels": []}, "labels", f"I1 {_OTHER_CALL}")]),
    (ACTIVATED, [({"labels": ["C12"]}, "labels", _OUT)]),
    (
        LABELLED,
        [
            ({"sources": {DEDUPE["source"]: ["C12"]}}, f"sources.{DEDUPE['source']}", _NOBODY),
            ({"audiences": {AUD_1: ["C12"]}}, f"audiences.{AUD_1}", _OUT),
        ],
    ),
)

Violated = tuple[Asked, Mapping[str, Any], Mapping[str, str]]
"""A call that policies deny, what is changed in it, and what is said at each place where that can be mended."""


def _at(path: str, told: str) -> dict[str, str]:
    return {
        path: f"{_DENIED}; {told}",
        "marketing_actions": f"{_DENIED}, see {path}: take emailTargeting out if the data is not used for it",
    }


VIOLATED: Final[Sequence[Violated]] = (
    (CREATED, mapping(DEDUPE, FIRST, LAST, _labelled(PHONE, "C4")), _at("mapping[3].labels", _ROW_OUT)),
    (
        CREATED,
        mapping(_labelled(DEDUPE, "C4"), FIRST, LAST),
        _at(
            "mapping[0].labels",
            f"{_DEDUPE_SOURCE}: map another source to DedupeField, {_WITHOUT_ONE}; {_OR_CORRECT}",
        ),
    ),
    (
        CREATED,
        mapping(DEDUPE, _labelled(FIRST, "C4"), LAST),
        _at(
            "mapping[1].labels",
            _FIRST_SOURCE,
        ),
    ),
    (
        DELIVERED,
        MAIL,
        _at(
            "mapping[0].labels",
            f"{_DEDUPE_SOURCE}: people are known by it, and DedupeField keeps its source; "
            f"{_OR_CORRECT.removeprefix('or, ')}",
        ),
    ),
    (
        CHANGED,
        MAIL,
        _at(f"audiences.{AUD_1}.labels", f"{_AUDIENCE} is labelled C4: deactivate the audience; {_OR_CORRECT}"),
    ),
    (
        ACTIVATED,
        {"labels": ["C4"]},
        _at(f"audiences.{AUD_1}.labels", f"{_AUDIENCE} is labelled C4: do not activate the audience; {_OR_CORRECT}"),
    ),
    (LABELLED, {"sources": {"phone": ["C4"]}}, _at("mapping[3].labels", _ROW_OUT)),
    (
        POLICIES,
        _policy("enabled"),
        {
            "policies[0]": (
                f"connection {CREATE['name']} ({{connection}}) would violate it: emailTargeting with data labelled C4, "
                "see its mapping[3].labels; fix the connection or disable it first; or, keep the policy a draft"
            )
        },
    ),
)
