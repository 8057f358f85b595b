"""What a program does with marketorestpython: `python repertoire.py URL`; writes what it was told, as JSON."""

import json
import sys

from marketorestpython.client import MarketoClient
from marketorestpython.helper.exceptions import MarketoException


def main(url: str) -> None:
    marketo = MarketoClient("123-ABC-456", "client", "secret", requests_timeout=20)
    marketo.host = url
    told = {}
    told["by_id"] = marketo.execute(method="get_lead_by_id", id=7, fields=["email", "firstName"])
    told["by_filter"] = marketo.execute(
        method="get_multiple_leads_by_filter_type",
        filterType="email",
        filterValues=["ada@example.org", "x@example.org"],
    )
    told["many"] = len(
        marketo.execute(
            method="get_multiple_leads_by_filter_type",
            filterType="id",
            filterValues=[str(n) for n in range(1000, 1290)],
        )
    )
    people = [{"email": "new@example.org", "firstName": "New"}, {"email": "ada@example.org", "firstName": "Augusta"}]
    told["synced"] = marketo.execute(
        method="create_update_leads", leads=people, action="createOrUpdate", lookupField="email"
    )
    told["refused"] = marketo.execute(method="create_update_leads", leads=[{"email": "no"}], lookupField="email")
    new = told["synced"][0]["id"]
    told["members"] = sorted(
        row["id"] for row in marketo.execute(method="get_multiple_leads_by_list_id", listId=70, fields=["email"])
    )
    told["is_member"] = marketo.execute(method="member_of_list", listId=70, id=[8, 7])
    told["joined"] = marketo.execute(method="add_leads_to_list", listId=70, id=[new, 7])
    told["left"] = marketo.execute(method="remove_leads_from_list", listId=70, id=[8])
    told["made"] = marketo.execute(
        method="create_list", name="Made", folderId=12, folderType="Folder", description="By a client"
    )
    made = told["made"][0]["id"]
    told["list"] = marketo.execute(method="get_list_by_id", id=made)
    told["by_name"] = marketo.execute(method="get_list_by_name", name="Made")
    told["renamed"] = marketo.execute(method="update_list", id=made, name="Renamed")
    told["lists"] = [row["name"] for row in marketo.execute(method="get_multiple_lists")]
    told["browsed"] = sorted(row["name"] for row in marketo.execute(method="browse_lists"))
    told["dropped"] = marketo.execute(method="delete_list", id=made)
    told["partitions"] = [row["name"] for row in marketo.execute(method="get_lead_partitions")]
    told["fields"] = [row["rest"]["name"] for row in marketo.execute(method="describe") if "rest" in row]
    told["usage"] = marketo.execute(method="get_daily_usage")
    told["deleted"] = marketo.execute(method="delete_lead", id=[8])
    try:
        marketo.get_multiple_leads_by_filter_type(filterType="firstName", filterValues=["Ada"])
    except MarketoException as error:
        told["error"] = error.code
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1])
