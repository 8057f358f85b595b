"""The lead fields every instance has, in groups by data type (Marketo REST, Leads, "Describe")."""

from collections.abc import Iterator
from typing import Final

from marketo_simulator.fields import Field

_IDS: Final = {
    "id": 44,
    "mktoName": 45,
    "externalCompanyId": 41,
    "email": 56,
    "createdAt": 130,
    "updatedAt": 131,
    "cookies": 136,
    "externalSalesPersonId": 137,
    "leadScore": 146,
    "leadPartitionId": 479,
    "ecids": 830,
}

_DISPLAY_NAMES: Final = {
    "id": "Id",
    "company": "Company Name",
    "email": "Email Address",
    "phone": "Phone Number",
    "title": "Job Title",
    "ecids": "ECIDs",
    "leadPartitionId": "Lead Partition Id",
    "mktoName": "Full Name",
}

_LENGTHS: Final = {
    "externalCompanyId": 50,
    "externalSalesPersonId": 50,
    "postalCode": 40,
    "billingPostalCode": 40,
    "salutation": 50,
    "sicCode": 40,
    "originalReferrer": 2000,
    "unsubscribedReason": 2000,
}

_BY_TYPE: Final = {
    "string": (
        "company site billingStreet billingCity billingState billingCountry billingPostalCode industry sicCode "
        "externalCompanyId personType salutation firstName middleName lastName title department rating city state "
        "postalCode country personTimeZone leadRole leadSource leadStatus externalSalesPersonId emailInvalidCause "
        "twitterDisplayName facebookDisplayName linkedInDisplayName"
    ),
    "phone": "mainPhone phone mobilePhone fax",
    "url": "website facebookProfileURL",
    "text": "address mktoPersonNotes mktoCompanyNotes doNotCallReason marketingSuspendedCause",
    "textarea": "unsubscribedReason",
    "integer": "leadScore numberOfEmployees priority relativeScore",
    "score": "behaviorScore",
    "percent": "grade",
    "float": "urgency relativeUrgency",
    "currency": "annualRevenue expectedRevenue",
    "boolean": "isLead mktoIsCustomer mktoIsPartner isAnonymous unsubscribed emailInvalid doNotCall marketingSuspended",
    "date": "dateOfBirth",
    "datetime": "acquisitionDate mktoAcquisitionDate",
    "reference": "contactCompany acquisitionProgramId",
}

_READ_ONLY: Final = {
    "string": (
        "mktoName originalSourceType originalSourceInfo originalSearchEngine originalSearchPhrase originalReferrer "
        "registrationSourceType registrationSourceInfo inferredCompany inferredCountry inferredCity anonymousIP ecids"
    ),
    "datetime": "createdAt updatedAt",
    "lead_function": "leadRevenueStageName",
    "formula": "fullAddress",
}

_SEARCHABLE: Final = ("facebookId", "linkedInId", "twitterId")
_CRM: Final = ("sfdcAccountId", "sfdcContactId", "sfdcLeadId", "sfdcLeadOwnerId", "sfdcOpptyId")


def standard_fields() -> Iterator[Field]:
    """Marketo's standard lead fields; every data type is among them."""
    yield _field("id", "integer", searchable=True)
    yield _field("email", "email", searchable=True)
    yield _field("cookies", "string", searchable=True)
    yield _field("leadPartitionId", "reference", searchable=True)
    for data_type, names in _BY_TYPE.items():
        for name in names.split():
            yield _field(name, data_type)
    for data_type, names in _READ_ONLY.items():
        for name in names.split():
            yield _field(name, data_type, read_only=True)
    for name in _SEARCHABLE:
        yield _field(name, "string", searchable=True)
    for name in _CRM:
        yield _field(name, "string", searchable=True, read_only=True, crm_managed=True)
    yield _field("leadPerson", "reference", rest=False)


def _field(
    name: str,
    data_type: str,
    *,
    searchable: bool = False,
    read_only: bool = False,
    crm_managed: bool = False,
    rest: bool = True,
) -> Field:
    words = "".join(f" {letter}" if letter.isupper() else letter for letter in name).title()
    return Field(
        name,
        data_type,
        _DISPLAY_NAMES.get(name, words),
        length=_LENGTHS.get(name),
        read_only=read_only,
        searchable=searchable,
        crm_managed=crm_managed,
        rest=rest,
        id=_IDS.get(name, 0),
    )
