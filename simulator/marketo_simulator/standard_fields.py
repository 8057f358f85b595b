"""The lead fields every instance has, as two instances described them alike (Marketo REST, Leads, "Describe").

Those of social networks and of a native CRM are there as well, since documentation names them as keys.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from marketo_simulator.fields import Field, Value


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_BY_TYPE: Final = {
    "string": (
        "4:company 5:site 7:billingCity 8:billingState 9:billingCountry 10:billingPostalCode 12:mainPhone "
        "17:industry 18:sicCode 41:externalCompanyId 45:mktoName 46:personType 52:salutation 53:firstName "
        "54:middleName 55:lastName 60:title 64:city 65:state 66:country 67:postalCode 68:personTimeZone "
        "70:originalSourceType 71:originalSourceInfo 72:registrationSourceType 73:registrationSourceInfo "
        "74:originalSearchEngine 75:originalSearchPhrase 78:emailInvalidCause 81:unsubscribedReason "
        "83:mktoDoNotCallCause 84:doNotCallReason 86:marketingSuspendedCause 88:blackListedCause "
        "103:anonymousIP 104:inferredCompany 105:inferredCountry 106:inferredCity 107:inferredStateRegion "
        "108:inferredPostalCode 109:inferredMetropolitanArea 110:inferredPhoneAreaCode "
        "124:emailSuspendedCause 126:department 136:cookies 137:externalSalesPersonId 143:leadRole "
        "144:leadSource 145:leadStatus 160:rating "
    ),
    "text": "6:billingStreet 20:mktoCompanyNotes 63:address 89:mktoPersonNotes",
    "url": "11:website 76:originalReferrer",
    "currency": "15:annualRevenue",
    "integer": "16:numberOfEmployees 44:id 146:leadScore 148:priority 149:relativeScore 150:relativeUrgency",
    "boolean": (
        "48:mktoIsPartner 49:isLead 50:mktoIsCustomer 51:isAnonymous 77:emailInvalid 79:unsubscribed "
        "82:doNotCall 85:marketingSuspended 87:blackListed 123:emailSuspended "
    ),
    "email": "56:email",
    "phone": "57:phone 58:mobilePhone 59:fax",
    "reference": (
        "61:contactCompany 141:leadPerson 181:personPrimaryLeadInterest 479:leadPartitionId "
        "485:leadRevenueCycleModelId 487:leadRevenueStageId 625:acquisitionProgramId "
    ),
    "date": "62:dateOfBirth",
    "datetime": "125:emailSuspendedAt 130:createdAt 131:updatedAt 627:mktoAcquisitionDate",
    "float": "147:urgency",
}
"""Data type -> the numbers and REST names of its fields."""

_READ_ONLY: Final = _names(
    "mktoName contactCompany personTimeZone originalSourceType originalSourceInfo originalSearchEngine "
    "originalSearchPhrase originalReferrer inferredCompany inferredCountry inferredCity "
    "inferredStateRegion inferredPostalCode inferredMetropolitanArea inferredPhoneAreaCode createdAt "
    "updatedAt leadPerson personPrimaryLeadInterest "
)

_NOT_IN_SOAP: Final = _names(
    "externalCompanyId mktoName mktoIsPartner mktoIsCustomer isAnonymous personTimeZone "
    "mktoDoNotCallCause marketingSuspended marketingSuspendedCause blackListed blackListedCause "
    "inferredCity inferredStateRegion inferredPostalCode inferredMetropolitanArea inferredPhoneAreaCode "
    "emailSuspended emailSuspendedCause emailSuspendedAt createdAt updatedAt cookies "
    "externalSalesPersonId urgency priority relativeScore relativeUrgency mktoAcquisitionDate "
)

_SOAP_NAMES: Final = {
    "sicCode": "SICCode",
    "contactCompany": "Contact Company",
    "dateOfBirth": "DateofBirth",
    "leadPerson": "Lead Person",
    "personPrimaryLeadInterest": "Person Primary Lead Interest",
    "leadPartitionId": "Lead Partition ID",
    "leadRevenueCycleModelId": "Lead Revenue Cycle Model ID",
    "leadRevenueStageId": "Lead Revenue Stage ID",
    "acquisitionProgramId": "Acquisition Program ID",
}
"""Where the SOAP name is not the REST name with a capital letter."""

_LENGTHS: Final = {
    "sicCode": 40,
    "externalCompanyId": 50,
    "personType": 50,
    "originalSourceInfo": 2000,
    "registrationSourceInfo": 2000,
    "unsubscribedReason": 2000,
    "doNotCallReason": 2000,
    "externalSalesPersonId": 50,
    "leadRole": 50,
}
"""Where it is not the usual one of the type."""

_DISPLAY_NAMES: Final = {
    "company": "Company Name",
    "billingStreet": "Billing Address",
    "numberOfEmployees": "Num Employees",
    "sicCode": "SIC Code",
    "mktoCompanyNotes": "Company Notes",
    "mktoName": "Full Name",
    "mktoIsPartner": "Is Partner",
    "mktoIsCustomer": "Is Customer",
    "email": "Email Address",
    "phone": "Phone Number",
    "mobilePhone": "Mobile Phone Number",
    "fax": "Fax Number",
    "title": "Job Title",
    "dateOfBirth": "Date of Birth",
    "mktoDoNotCallCause": "Do Not Call Cause",
    "mktoPersonNotes": "Person Notes",
    "anonymousIP": "Anonymous IP",
    "leadRole": "Role",
    "rating": "Lead Rating",
    "personPrimaryLeadInterest": "Primary Lead Interest",
    "leadRevenueCycleModelId": "Lead Revenue Cycle Model ID",
    "leadRevenueStageId": "Lead Revenue Stage ID",
    "acquisitionProgramId": "Acquisition Program",
    "mktoAcquisitionDate": "Acquisition Date",
}
"""Where it is not the REST name in words."""

COMPANY_FIELDS: Final = _names(
    "company site billingStreet billingCity billingState billingCountry billingPostalCode website mainPhone "
    "annualRevenue numberOfEmployees industry sicCode mktoCompanyNotes "
)
"""Fields of the company that a lead belongs to."""

UNSET: Final[Mapping[str, Value]] = {"isLead": True, "personType": "contact"}
"""What a lead reads where these were never set; any other boolean reads false."""

_SEARCHABLE: Final = frozenset({"id", "email", "cookies", "leadPartitionId"})
_SOCIAL: Final = ("facebookId", "linkedInId", "twitterId")
_SOCIAL_NAMES: Final = ("facebookDisplayName", "linkedInDisplayName", "twitterDisplayName")
_CRM: Final = ("sfdcAccountId", "sfdcContactId", "sfdcLeadId", "sfdcLeadOwnerId", "sfdcOpptyId")


def standard_fields() -> Iterator[Field]:
    """Marketo's standard lead fields, in the order of their numbers."""
    numbered = (
        (*each.split(":"), data_type) for data_type, described in _BY_TYPE.items() for each in described.split()
    )
    for number, name, data_type in sorted(numbered, key=lambda row: int(row[0])):
        yield _field(int(number), name, data_type)
    yield Field("ecids", display_name="ECIDs", searchable=False, read_only=True, soap="", id=830)
    for name in _SOCIAL:
        yield Field(name, display_name=_words(name), searchable=True)
    for name in _SOCIAL_NAMES:
        yield Field(name, display_name=_words(name), searchable=False)
    yield Field("facebookProfileURL", "url", "Facebook Profile URL", searchable=False)
    for name in _CRM:
        yield Field(name, display_name=_words(name), searchable=True, read_only=True, crm_managed=True)


def _field(number: int, name: str, data_type: str) -> Field:
    return Field(
        name,
        data_type,
        _DISPLAY_NAMES.get(name) or _words(name),
        length=_LENGTHS.get(name),
        read_only=name in _READ_ONLY,
        searchable=name in _SEARCHABLE,
        soap="" if name in _NOT_IN_SOAP else _SOAP_NAMES.get(name) or name[0].upper() + name[1:],
        id=number,
    )


def _words(name: str) -> str:
    return "".join(f" {letter}" if letter.isupper() else letter for letter in name).title()
