"""What Marketo's REST API has and the simulator has not: method, path (`{}` for a part that varies) and name.

Facts from Adobe's published definitions of the Lead Database, Asset and User Management API, as of July 2026.
"""

import re
from collections.abc import Iterator
from typing import Final

_LEAD_DATABASE: Final = """
GET /bulk/v1/customobjects/{}/export.json Get Export Custom Object Jobs
POST /bulk/v1/customobjects/{}/export/create.json Create Export Custom Object Job
POST /bulk/v1/customobjects/{}/export/{}/cancel.json Cancel Export Custom Object Job
POST /bulk/v1/customobjects/{}/export/{}/enqueue.json Enqueue Export Custom Object Job
GET /bulk/v1/customobjects/{}/export/{}/file.json Get Export Custom Object File
GET /bulk/v1/customobjects/{}/export/{}/status.json Get Export Custom Object Job Status
POST /bulk/v1/customobjects/{}/import.json Import Custom Objects
GET /bulk/v1/customobjects/{}/import/{}/failures.json Get Import Custom Object Failures
GET /bulk/v1/customobjects/{}/import/{}/status.json Get Import Custom Object Status
GET /bulk/v1/customobjects/{}/import/{}/warnings.json Get Import Custom Object Warnings
GET /bulk/v1/program/members/export.json Get Export Program Member Jobs
POST /bulk/v1/program/members/export/create.json Create Export Program Member Job
POST /bulk/v1/program/members/export/{}/cancel.json Cancel Export Program Member Job
POST /bulk/v1/program/members/export/{}/enqueue.json Enqueue Export Program Member Job
GET /bulk/v1/program/members/export/{}/file.json Get Export Program Member File
GET /bulk/v1/program/members/export/{}/status.json Get Export Program Member Job Status
GET /bulk/v1/program/members/import/{}/failures.json Get Import Program Member Failures
GET /bulk/v1/program/members/import/{}/status.json Get Import Program Member Status
GET /bulk/v1/program/members/import/{}/warnings.json Get Import Program Member Warnings
POST /bulk/v1/program/{}/members/import.json Import Program Members
POST /rest/v1/activities/external.json Add Custom Activities
POST /rest/v1/activities/external/type.json Create Custom Activity Type
POST /rest/v1/activities/external/type/{}.json Update Custom Activity Type
POST /rest/v1/activities/external/type/{}/approve.json Approve Custom Activity Type
POST /rest/v1/activities/external/type/{}/attributes/create.json Create Custom Activity Type Attributes
POST /rest/v1/activities/external/type/{}/attributes/delete.json Delete Custom Activity Type Attributes
POST /rest/v1/activities/external/type/{}/attributes/update.json Update Custom Activity Type Attributes
POST /rest/v1/activities/external/type/{}/delete.json Delete Custom Activity Type
GET /rest/v1/activities/external/type/{}/describe.json Describe Custom Activity Type
POST /rest/v1/activities/external/type/{}/discardDraft.json Discard Custom Activity Type Draft
GET /rest/v1/activities/external/types.json Get Custom Activity Types
GET /rest/v1/campaigns.json Get Campaigns
GET /rest/v1/campaigns/{}.json Get Campaign By Id
POST /rest/v1/campaigns/{}/schedule.json Schedule Campaign
POST /rest/v1/campaigns/{}/trigger.json Request Campaign
GET /rest/v1/companies.json Get Companies
POST /rest/v1/companies.json Sync Companies
POST /rest/v1/companies/delete.json Delete Companies
GET /rest/v1/companies/describe.json Describe Companies
GET /rest/v1/companies/schema/fields.json Get Company Fields
GET /rest/v1/companies/schema/fields/{}.json Get Company Field by Name
GET /rest/v1/customobjects.json List Custom Objects
GET /rest/v1/customobjects/schema.json List Custom Object Types
POST /rest/v1/customobjects/schema.json Sync Custom Object Type
GET /rest/v1/customobjects/schema/fieldDataTypes.json Get Custom Object Type Field Data Types
GET /rest/v1/customobjects/schema/linkableObjects.json Get Custom Object Linkable Objects
POST /rest/v1/customobjects/schema/{}/addField.json Add Custom Object Type Fields
POST /rest/v1/customobjects/schema/{}/approve.json Approve Custom Object Type
POST /rest/v1/customobjects/schema/{}/delete.json Delete Custom Object Type
POST /rest/v1/customobjects/schema/{}/deleteField.json Delete Custom Object Type Fields
GET /rest/v1/customobjects/schema/{}/dependentAssets.json Get Custom Object Dependent Assets
GET /rest/v1/customobjects/schema/{}/describe.json Describe Custom Object Type
POST /rest/v1/customobjects/schema/{}/discardDraft.json Discard Custom Object Type Draft
POST /rest/v1/customobjects/schema/{}/{}/updateField.json Update Custom Object Type Field
GET /rest/v1/customobjects/{}.json Get Custom Objects
POST /rest/v1/customobjects/{}.json Sync Custom Objects
POST /rest/v1/customobjects/{}/delete.json Delete Custom Objects
GET /rest/v1/customobjects/{}/describe.json Describe Custom Objects
GET /rest/v1/leads/programs/{}.json Get Leads by Program Id
POST /rest/v1/leads/programs/{}/status.json Change Lead Program Status
POST /rest/v1/leads/push.json Push Lead to Marketo
POST /rest/v1/leads/submitForm.json Submit Form
GET /rest/v1/leads/{}/programMembership.json Get Programs by Lead Id
GET /rest/v1/leads/{}/smartCampaignMembership.json Get Smart Campaigns by Lead Id
GET /rest/v1/namedAccountList/{}/namedAccounts.json Get Named Account List Members
POST /rest/v1/namedAccountList/{}/namedAccounts.json Add Named Account List Members
POST /rest/v1/namedAccountList/{}/namedAccounts/remove.json Remove Named Account List Members
GET /rest/v1/namedAccountLists.json Get Named Account Lists
POST /rest/v1/namedAccountLists.json Sync Named Account Lists
POST /rest/v1/namedAccountLists/delete.json Delete Named Account Lists
GET /rest/v1/namedaccounts.json Get NamedAccounts
POST /rest/v1/namedaccounts.json Sync NamedAccounts
POST /rest/v1/namedaccounts/delete.json Delete NamedAccounts
GET /rest/v1/namedaccounts/describe.json Describe NamedAccounts
GET /rest/v1/namedaccounts/schema/fields.json Get Named Account Fields
GET /rest/v1/namedaccounts/schema/fields/{}.json Get Named Account Field by Name
GET /rest/v1/opportunities.json Get Opportunities
POST /rest/v1/opportunities.json Sync Opportunities
POST /rest/v1/opportunities/delete.json Delete Opportunities
GET /rest/v1/opportunities/describe.json Describe Opportunity
GET /rest/v1/opportunities/roles.json Get Opportunity Roles
POST /rest/v1/opportunities/roles.json Sync Opportunity Roles
POST /rest/v1/opportunities/roles/delete.json Delete Opportunity Roles
GET /rest/v1/opportunities/roles/describe.json Describe Opportunity Role
GET /rest/v1/opportunities/schema/fields.json Get Opportunity Fields
GET /rest/v1/opportunities/schema/fields/{}.json Get Opportunity Field by Name
GET /rest/v1/program/members/describe.json Describe Program Member
GET /rest/v1/programs/members/describe.json Describe Program Member
GET /rest/v1/programs/members/schema/fields.json Get Program Member Fields
POST /rest/v1/programs/members/schema/fields.json Create Program Member Fields
GET /rest/v1/programs/members/schema/fields/{}.json Get Program Member Field by Name
POST /rest/v1/programs/members/schema/fields/{}.json Update Program Member Field
GET /rest/v1/programs/{}/members.json Get Program Members
POST /rest/v1/programs/{}/members.json Sync Program Member Data
POST /rest/v1/programs/{}/members/delete.json Delete Program Members
POST /rest/v1/programs/{}/members/status.json Sync Program Member Status
GET /rest/v1/salespersons.json Get SalesPersons
POST /rest/v1/salespersons.json Sync SalesPersons
POST /rest/v1/salespersons/delete.json Delete SalesPersons
GET /rest/v1/salespersons/describe.json Describe SalesPersons
"""
_ASSETS: Final = """
GET /rest/asset/v1/channel/byName.json Get Channel by Name
GET /rest/asset/v1/channels.json Get Channels
GET /rest/asset/v1/email/byName.json Get Email by Name
GET /rest/asset/v1/email/ccFields.json Get Email CC Fields
GET /rest/asset/v1/email/{}.json Get Email By Id
POST /rest/asset/v1/email/{}.json Update Email Metadata
POST /rest/asset/v1/email/{}/approveDraft.json Approve Email Draft
POST /rest/asset/v1/email/{}/clone.json Clone Email
GET /rest/asset/v1/email/{}/content.json Get Email Content
POST /rest/asset/v1/email/{}/content.json Update Email Content
POST /rest/asset/v1/email/{}/content/rearrange.json Rearrange Email Modules
POST /rest/asset/v1/email/{}/content/{}.json Update Email Content Section
POST /rest/asset/v1/email/{}/content/{}/add.json Add Email Module
POST /rest/asset/v1/email/{}/content/{}/delete.json Delete Module
POST /rest/asset/v1/email/{}/content/{}/duplicate.json Duplicate Email Module
POST /rest/asset/v1/email/{}/content/{}/rename.json Rename Email Module
POST /rest/asset/v1/email/{}/delete.json Delete Email
POST /rest/asset/v1/email/{}/discardDraft.json Discard Email Draft
GET /rest/asset/v1/email/{}/dynamicContent/{}.json Get Email Dynamic Content
POST /rest/asset/v1/email/{}/dynamicContent/{}.json Update Email Dynamic Content Section
GET /rest/asset/v1/email/{}/fullContent.json Get Email Full Content
POST /rest/asset/v1/email/{}/fullContent.json Update Email Full Content
POST /rest/asset/v1/email/{}/sendSample.json Send Sample Email
POST /rest/asset/v1/email/{}/unapprove.json Unapprove Email
POST /rest/asset/v1/email/{}/variable/{}.json Update Email Variable
GET /rest/asset/v1/email/{}/variables.json Get Email Variables
GET /rest/asset/v1/emailTemplate/byName.json Get Email Template by Name
GET /rest/asset/v1/emailTemplate/{}.json Get Email Template by Id
POST /rest/asset/v1/emailTemplate/{}.json Update Email Template Metadata
POST /rest/asset/v1/emailTemplate/{}/approveDraft.json Approve Email Template Draft
POST /rest/asset/v1/emailTemplate/{}/clone.json Clone Email Template
GET /rest/asset/v1/emailTemplate/{}/content Get Email Template Content by Id
POST /rest/asset/v1/emailTemplate/{}/content.json Update Email Template Content
POST /rest/asset/v1/emailTemplate/{}/delete.json Delete Email Template
POST /rest/asset/v1/emailTemplate/{}/discardDraft.json Discard Email Template Draft
POST /rest/asset/v1/emailTemplate/{}/unapprove.json Unapprove Email Template Draft
GET /rest/asset/v1/emailTemplates.json Get Email Templates
POST /rest/asset/v1/emailTemplates.json Create Email Template
GET /rest/asset/v1/emailTemplates/{}/usedBy.json Get Email Template Used By
GET /rest/asset/v1/emails.json Get Emails
POST /rest/asset/v1/emails.json Create Email
GET /rest/asset/v1/file/byName.json Get File by Name
GET /rest/asset/v1/file/{}.json Get File by Id
POST /rest/asset/v1/file/{}/content.json Update File Content
GET /rest/asset/v1/files.json Get Files
POST /rest/asset/v1/files.json Create File
GET /rest/asset/v1/folder/{}/tokens.json Get Tokens by Folder Id
POST /rest/asset/v1/folder/{}/tokens.json Create Token
POST /rest/asset/v1/folder/{}/tokens/delete.json Delete Token by Name
GET /rest/asset/v1/form/byName.json Get Form by Name
GET /rest/asset/v1/form/fields.json Get Available Form Fields
GET /rest/asset/v1/form/programMemberFields.json Get Available Form Program Member Fields
GET /rest/asset/v1/form/{}.json Get Form By Id
POST /rest/asset/v1/form/{}.json Update Form Metadata
POST /rest/asset/v1/form/{}/approveDraft.json Approve Form Draft
POST /rest/asset/v1/form/{}/clone.json Clone Form
POST /rest/asset/v1/form/{}/delete.json Delete Form
POST /rest/asset/v1/form/{}/discardDraft.json Discard Form Draft
POST /rest/asset/v1/form/{}/field/{}.json Update Form Field
POST /rest/asset/v1/form/{}/field/{}/delete.json Delete Form Field
POST /rest/asset/v1/form/{}/field/{}/visibility.json Add Form Field Visibility Rules
POST /rest/asset/v1/form/{}/fieldSet.json Add Fieldset to Form
POST /rest/asset/v1/form/{}/fieldSet/{}/field/{}/delete.json Delete Field from Fieldset
GET /rest/asset/v1/form/{}/fields.json Get Fields for Form
POST /rest/asset/v1/form/{}/fields.json Add Field to Form
POST /rest/asset/v1/form/{}/reArrange.json Update Field Positions
POST /rest/asset/v1/form/{}/richText.json Add Rich Text Field
POST /rest/asset/v1/form/{}/submitButton.json Update Submit Button
GET /rest/asset/v1/form/{}/thankYouPage.json Get Thank You Page by Form Id
POST /rest/asset/v1/form/{}/thankYouPage.json Update Thank You Page
GET /rest/asset/v1/form/{}/usedBy.json Get Form Used By
GET /rest/asset/v1/forms.json Get Forms
POST /rest/asset/v1/forms.json Create Form
GET /rest/asset/v1/landingPage/byName.json Get Landing Page by Name
GET /rest/asset/v1/landingPage/{}.json Get Landing Page by Id
POST /rest/asset/v1/landingPage/{}.json Update Landing Page Metadata
POST /rest/asset/v1/landingPage/{}/approveDraft.json Approve Landing Page Draft
POST /rest/asset/v1/landingPage/{}/clone.json Clone Landing Page
GET /rest/asset/v1/landingPage/{}/content.json Get Landing Page Content
POST /rest/asset/v1/landingPage/{}/content.json Add Landing Page Content Section
POST /rest/asset/v1/landingPage/{}/content/{}.json Update Landing Page Content Section
POST /rest/asset/v1/landingPage/{}/content/{}/delete.json Delete Landing Page Content Section
POST /rest/asset/v1/landingPage/{}/delete.json Delete Landing Page
POST /rest/asset/v1/landingPage/{}/discardDraft.json Discard Landing Page Draft
GET /rest/asset/v1/landingPage/{}/dynamicContent/{}.json Get Landing Page Dynamic Content
POST /rest/asset/v1/landingPage/{}/dynamicContent/{}.json Update Landing Page Dynamic Content Section
GET /rest/asset/v1/landingPage/{}/fullContent.json Get Landing Page Full Content
POST /rest/asset/v1/landingPage/{}/unapprove.json Unapprove Landing Page
POST /rest/asset/v1/landingPage/{}/variable/{}.json Update Landing Page Variable
GET /rest/asset/v1/landingPage/{}/variables.json Get Landing Page Variables
GET /rest/asset/v1/landingPageDomains.json Get Landing Page Domains
GET /rest/asset/v1/landingPageTemplate/byName.json Get Landing Page Template by Name
GET /rest/asset/v1/landingPageTemplate/{}.json Get Landing Page Template by Id
POST /rest/asset/v1/landingPageTemplate/{}.json Update Landing Page Template Metadata
POST /rest/asset/v1/landingPageTemplate/{}/approveDraft.json Approve Landing Page Template Draft
POST /rest/asset/v1/landingPageTemplate/{}/clone.json Clone Landing Page Template
GET /rest/asset/v1/landingPageTemplate/{}/content.json Get Landing Page Template Content
POST /rest/asset/v1/landingPageTemplate/{}/content.json Update Landing Page Template Content
POST /rest/asset/v1/landingPageTemplate/{}/delete.json Delete Landing Page Template
POST /rest/asset/v1/landingPageTemplate/{}/discardDraft.json Discard Landing Page Template Draft
POST /rest/asset/v1/landingPageTemplate/{}/unapprove.json Unapprove Landing Page Template
GET /rest/asset/v1/landingPageTemplates.json Get Landing Page Templates
POST /rest/asset/v1/landingPageTemplates.json Create Landing Page Template
GET /rest/asset/v1/landingPages.json Get Landing Pages
POST /rest/asset/v1/landingPages.json Create Landing Page
GET /rest/asset/v1/program/byName.json Get Program by Name
GET /rest/asset/v1/program/byTag.json Get Programs by Tag
GET /rest/asset/v1/program/{}.json Get Program by Id
POST /rest/asset/v1/program/{}.json Update Program Metadata
POST /rest/asset/v1/program/{}/approve.json Approve Program
POST /rest/asset/v1/program/{}/clone.json Clone Program
POST /rest/asset/v1/program/{}/delete.json Delete Program
GET /rest/asset/v1/program/{}/smartList.json Get Smart List by Program Id
POST /rest/asset/v1/program/{}/unapprove.json Unapprove Program
GET /rest/asset/v1/programs.json Get Programs
POST /rest/asset/v1/programs.json Create Program
GET /rest/asset/v1/redirectRule/{}.json Get Landing Page Redirect Rule by Id
POST /rest/asset/v1/redirectRule/{}.json Update Landing Page Redirect Rule
POST /rest/asset/v1/redirectRule/{}/delete.json Delete Landing Page Redirect Rule
GET /rest/asset/v1/redirectRules.json Get Landing Page Redirect Rules
POST /rest/asset/v1/redirectRules.json Create Landing Page Redirect Rule
GET /rest/asset/v1/segmentation.json Get Segmentations
GET /rest/asset/v1/segmentation/{}/segments.json Get Segments For Segmentation
GET /rest/asset/v1/smartCampaign/byName.json Get Smart Campaign by Name
GET /rest/asset/v1/smartCampaign/{}.json Get Smart Campaign by Id
POST /rest/asset/v1/smartCampaign/{}.json Update Smart Campaign
POST /rest/asset/v1/smartCampaign/{}/activate.json Activate Smart Campaign
POST /rest/asset/v1/smartCampaign/{}/clone.json Clone Smart Campaign
POST /rest/asset/v1/smartCampaign/{}/deactivate.json Deactivate Smart Campaign
POST /rest/asset/v1/smartCampaign/{}/delete.json Delete Smart Campaign
GET /rest/asset/v1/smartCampaign/{}/smartList.json Get Smart List by Smart Campaign Id
GET /rest/asset/v1/smartCampaigns.json Get Smart Campaigns
POST /rest/asset/v1/smartCampaigns.json Create Smart Campaign
GET /rest/asset/v1/smartList/byName.json Get Smart List by Name
GET /rest/asset/v1/smartList/{}.json Get Smart List by Id
POST /rest/asset/v1/smartList/{}/clone.json Clone Smart List
POST /rest/asset/v1/smartList/{}/delete.json Delete Smart List
GET /rest/asset/v1/smartLists.json Get Smart Lists
GET /rest/asset/v1/snippet/{}.json Get Snippet by Id
POST /rest/asset/v1/snippet/{}.json Update Snippet Metadata
POST /rest/asset/v1/snippet/{}/approveDraft.json Approve Snippet Draft
POST /rest/asset/v1/snippet/{}/clone.json Clone Snippet
GET /rest/asset/v1/snippet/{}/content.json Get Snippet Content
POST /rest/asset/v1/snippet/{}/content.json Update Snippet Content
POST /rest/asset/v1/snippet/{}/delete.json Delete Snippet
POST /rest/asset/v1/snippet/{}/discardDraft.json Discard Snippet Draft
GET /rest/asset/v1/snippet/{}/dynamicContent.json Get Dynamic Content
POST /rest/asset/v1/snippet/{}/dynamicContent/{}.json Update Snippet Dynamic Content
POST /rest/asset/v1/snippet/{}/unapprove.json Unapprove Snippet
GET /rest/asset/v1/snippets.json Get Snippets
POST /rest/asset/v1/snippets.json Create Snippet
GET /rest/asset/v1/tagType/byName.json Get Tag By Name
GET /rest/asset/v1/tagTypes.json Get Tag Types
POST /rest/asset/v2/email Create Email
POST /rest/asset/v2/email/bulk/delete Bulk Delete Emails
POST /rest/asset/v2/email/bulk/get Bulk Get Emails
POST /rest/asset/v2/email/bulk/usedby Bulk Get Emails Used By
POST /rest/asset/v2/email/clone Clone Email
GET /rest/asset/v2/email/filter List Emails
POST /rest/asset/v2/email/state/transition Update Email Status
POST /rest/asset/v2/email/usedby Get Email Used By
GET /rest/asset/v2/email/{} Get Email by Id
POST /rest/asset/v2/email/{}/delete Delete Email
POST /rest/asset/v2/email/{}/update Update Email
POST /rest/asset/v2/emailtemplate Create Email Template
POST /rest/asset/v2/emailtemplate/bulk/delete Bulk Delete Email Templates
POST /rest/asset/v2/emailtemplate/bulk/get Bulk Get Email Templates
POST /rest/asset/v2/emailtemplate/bulk/usedby Bulk Get Email Templates Used By
POST /rest/asset/v2/emailtemplate/clone Clone Email Template
GET /rest/asset/v2/emailtemplate/filter List Email Templates
POST /rest/asset/v2/emailtemplate/state/transition Update Email Template Status
POST /rest/asset/v2/emailtemplate/usedby Get Email Template Used By
GET /rest/asset/v2/emailtemplate/{} Get Email Template by Id
POST /rest/asset/v2/emailtemplate/{}/delete Delete Email Template
POST /rest/asset/v2/emailtemplate/{}/update Update Email Template
POST /rest/asset/v2/fragment Create Fragment
POST /rest/asset/v2/fragment/bulk/delete Bulk Delete Fragments
POST /rest/asset/v2/fragment/bulk/get Bulk Get Fragments
POST /rest/asset/v2/fragment/bulk/usedby Bulk Get Fragments Used By
POST /rest/asset/v2/fragment/clone Clone Fragment
GET /rest/asset/v2/fragment/filter List Fragments
POST /rest/asset/v2/fragment/state/transition Update Fragment Status
POST /rest/asset/v2/fragment/usedby Get Fragment Used By
GET /rest/asset/v2/fragment/{} Get Fragment by Id
POST /rest/asset/v2/fragment/{}/delete Delete Fragment
POST /rest/asset/v2/fragment/{}/update Update Fragment
"""
_USERS: Final = """
GET /userservice/management/v1/users/allusers.json Get Users
POST /userservice/management/v1/users/invite.json Invite User
GET /userservice/management/v1/users/roles.json Get Roles
POST /userservice/management/v1/users/{}/delete.json Delete User
GET /userservice/management/v1/users/{}/invite.json Get Invited User by Id
POST /userservice/management/v1/users/{}/invite/delete.json Delete Invited User
GET /userservice/management/v1/users/{}/roles.json Get Roles and Workspaces by Id
POST /userservice/management/v1/users/{}/roles/create.json Add Roles
POST /userservice/management/v1/users/{}/roles/delete.json Delete Roles
POST /userservice/management/v1/users/{}/update.json Update User Attributes
GET /userservice/management/v1/users/{}/user.json Get User by Id
"""


def _rows(table: str) -> Iterator[tuple[str, str, str]]:
    """Method, path and name of each row."""
    for line in table.strip().splitlines():
        method, path, name = line.split(" ", 2)
        yield method, path, name


NOT_SIMULATED: Final = {
    "Lead database": tuple(_rows(_LEAD_DATABASE)),
    "Assets": tuple(_rows(_ASSETS)),
    "Users": tuple(_rows(_USERS)),
}
"""Method, path and name of each, by API."""

_PATTERNS: Final = [
    (method, re.compile(re.escape(path).replace(r"\{\}", "[^/]+")), name)
    for rows in NOT_SIMULATED.values()
    for method, path, name in sorted(rows, key=lambda row: row[1].count("{}"))  # a fixed part goes before any other
]


def names_of(path: str) -> dict[str, str]:
    """The calls that Marketo has at this path: method -> name."""
    found: dict[str, str] = {}
    for method, pattern, name in _PATTERNS:
        if pattern.fullmatch(path):
            found.setdefault(method, name)
    return found
