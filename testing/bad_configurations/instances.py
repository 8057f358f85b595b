"""Connections that do not fit their Marketo instance, which has what `MARKETO` seeds."""

from collections.abc import Mapping
from typing import Any, Final

from testing.bad_configurations import DEDUPE, EMAIL, FIRST, LAST, LEGACY, LEGACY_ECID, LEGACY_EMAIL, Case, mapping

MARKETO: Final[Mapping[str, Any]] = {
    "partitions": [{"name": "EMEA", "id": 2}],
    "workspaces": [{"name": "Europe"}],
    "fields": [
        {"name": "fullAddress", "data_type": "formula"},
        {"name": "soapOnly", "rest": False},
        {"name": "customerKey", "data_type": "string", "display_name": "Customer Key"},
        {"name": "visitorKey", "data_type": "string"},
    ],
}

INSTANCE: list[Case] = [
    (
        {"workspace": "Eurpoe"},
        "workspace",
        (
            "Marketo has no workspace Eurpoe that the API user can see (did you mean Europe?); see the call "
            "marketo/workspaces, or extend the API user's role"
        ),
    ),
    (
        {"workspace": "Nowhere"},
        "workspace",
        (
            "Marketo has no workspace Nowhere that the API user can see; see the call marketo/workspaces, or "
            "extend the API user's role"
        ),
    ),
    (
        {"partition": "EMAE"},
        "partition",
        (
            "Marketo has no partition EMAE that the API user can see (did you mean EMEA?); see the call "
            "marketo/partitions, or extend the API user's role"
        ),
    ),
    (
        {"partition": "APAC"},
        "partition",
        (
            "Marketo has no partition APAC that the API user can see; see the call marketo/partitions, or "
            "extend the API user's role"
        ),
    ),
    (
        {"dedupe_field": "phone", **mapping(DEDUPE, FIRST, LAST, EMAIL)},
        "dedupe_field",
        "phone is not searchable; choose one of the call marketo/dedupe-fields",
    ),
    (
        {"dedupe_field": "nothing", **mapping(DEDUPE, FIRST, LAST, EMAIL)},
        "dedupe_field",
        "Marketo has no lead field nothing; choose one of the call marketo/dedupe-fields",
    ),
    (
        {"dedupe_field": "customer_key", **mapping(DEDUPE, FIRST, LAST, EMAIL)},
        "dedupe_field",
        (
            "Marketo has no lead field customer_key (did you mean customerKey?); choose one of the call "
            "marketo/dedupe-fields"
        ),
    ),
    (
        {"dedupe_field": "sfdcLeadId", **mapping(DEDUPE, FIRST, LAST, EMAIL)},
        "dedupe_field",
        "sfdcLeadId is read-only, so nobody can be created with it; choose another, or update_existing_only",
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "leadScroe"}),
        "mapping[3].target",
        "Marketo has no lead field leadScroe (did you mean leadScore?); see the call marketo/fields",
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "Company Name"}),
        "mapping[3].target",
        "Marketo has no lead field Company Name (did you mean company?); see the call marketo/fields",
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "firstname_"}),
        "mapping[3].target",
        "Marketo has no lead field firstname_ (did you mean firstName?); see the call marketo/fields",
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "zzz"}),
        "mapping[3].target",
        "Marketo has no lead field zzz; see the call marketo/fields",
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "createdAt"}),
        "mapping[3].target",
        "createdAt is read-only in Marketo; choose a field that can be written, or leave the row out",
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "mktoName"}),
        "mapping[3].target",
        "mktoName is read-only in Marketo; choose a field that can be written, or leave the row out",
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "fullAddress"}),
        "mapping[3].target",
        "fullAddress is read-only in Marketo; choose a field that can be written, or leave the row out",
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "contactCompany"}),
        "mapping[3].target",
        "contactCompany is read-only in Marketo; choose a field that can be written, or leave the row out",
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "soapOnly"}),
        "mapping[3].target",
        "Marketo has no lead field soapOnly; see the call marketo/fields",
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "leadScore", "join": ";", "source_type": "array"}),
        "mapping[3].join",
        (
            "joined values are text, which leadScore of Marketo's type integer does not take; map them to a field of "
            "type phone, string, text, textarea or url, or choose one of the values in the path"
        ),
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "leadScore", "source_type": "string"}),
        "mapping[3].source_type",
        (
            "leadScore is of Marketo's type integer, which does not take an XDM string; map it to a field of "
            "type email, phone, string, text, textarea or url, or leave source_type out if its values fit "
            "all the same"
        ),
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "leadScore", "source_type": "boolean"}),
        "mapping[3].source_type",
        (
            "leadScore is of Marketo's type integer, which does not take an XDM boolean; map it to a field "
            "of type boolean, phone, string, text, textarea or url, or leave source_type out if its values "
            "fit all the same"
        ),
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "leadScore", "source_type": "double"}),
        "mapping[3].source_type",
        (
            "leadScore is of Marketo's type integer, which does not take an XDM double; map it to a field of "
            "type currency, float, percent, phone, string, text, textarea or url, or leave source_type out "
            "if its values fit all the same"
        ),
    ),
    (
        mapping(
            DEDUPE, FIRST, LAST, {"source": "x", "target": "unsubscribed", "opt_in": "keep", "source_type": "string"}
        ),
        "mapping[3].source_type",
        (
            "unsubscribed is of Marketo's type boolean, which does not take an XDM string; map it to a field "
            "of type email, phone, string, text, textarea or url, or leave source_type out if its values fit "
            "all the same"
        ),
    ),
    (
        mapping(
            DEDUPE, FIRST, LAST, {"source": "x", "target": "unsubscribed", "opt_in": "keep", "source_type": "integer"}
        ),
        "mapping[3].source_type",
        (
            "unsubscribed is of Marketo's type boolean, which does not take an XDM integer; map it to a "
            "field of type currency, float, integer, percent, phone, score, string, text, textarea or url, "
            "or leave source_type out if its values fit all the same"
        ),
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "dateOfBirth", "source_type": "string"}),
        "mapping[3].source_type",
        (
            "dateOfBirth is of Marketo's type date, which does not take an XDM string; map it to a field of "
            "type email, phone, string, text, textarea or url, or leave source_type out if its values fit "
            "all the same"
        ),
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "dateOfBirth", "source_type": "integer"}),
        "mapping[3].source_type",
        (
            "dateOfBirth is of Marketo's type date, which does not take an XDM integer; map it to a field of "
            "type currency, float, integer, percent, phone, score, string, text, textarea or url, or leave "
            "source_type out if its values fit all the same"
        ),
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "mktoAcquisitionDate", "source_type": "string"}),
        "mapping[3].source_type",
        (
            "mktoAcquisitionDate is of Marketo's type datetime, which does not take an XDM string; map it to a "
            "field of type email, phone, string, text, textarea or url, or leave source_type out if its "
            "values fit all the same"
        ),
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "annualRevenue", "source_type": "boolean"}),
        "mapping[3].source_type",
        (
            "annualRevenue is of Marketo's type currency, which does not take an XDM boolean; map it to a "
            "field of type boolean, phone, string, text, textarea or url, or leave source_type out if its "
            "values fit all the same"
        ),
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "website", "source_type": "enum"}),
        "mapping[3].source_type",
        (
            "website is of Marketo's type url, which does not take an XDM enum; map it to a field of type "
            "string, text or textarea, or leave source_type out if its values fit all the same"
        ),
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "annualRevenue", "source_type": "date"}),
        "mapping[3].source_type",
        (
            "annualRevenue is of Marketo's type currency, which does not take an XDM date; map it to a field "
            "of type date, datetime, phone, string, text, textarea or url, or leave source_type out if its "
            "values fit all the same"
        ),
    ),
    (
        mapping({**DEDUPE, "source_type": "integer"}, FIRST, LAST),
        "mapping[0].source_type",
        (
            "email is of Marketo's type email, which does not take an XDM integer; map it to a field of type "
            "currency, float, integer, percent, phone, score, string, text, textarea or url, or leave "
            "source_type out if its values fit all the same"
        ),
    ),
    (
        {**LEGACY, **mapping(LEGACY_EMAIL, LEGACY_ECID, FIRST, LAST), "ecid_field": "phone"},
        "ecid_field",
        "phone is not searchable; choose one of the call marketo/dedupe-fields",
    ),
    (
        {**LEGACY, **mapping(LEGACY_EMAIL, LEGACY_ECID, FIRST, LAST), "ecid_field": "visitorKye"},
        "ecid_field",
        (
            "Marketo has no lead field visitorKye (did you mean visitorKey?); choose one of the call "
            "marketo/dedupe-fields"
        ),
    ),
]
