#!/bin/sh
# Makes the card at Adobe, by the calls of Destination SDK's authoring API in their order. Run it once: each run makes
# another card. It needs curl, and in the environment ADOBE_TOKEN (an access token), ADOBE_API_KEY, ADOBE_ORG_ID and
# ADOBE_SANDBOX, of a project of Adobe's Developer Console with the permission Destination Authoring.
set -eu
cd "$(dirname "$0")"
: "${ADOBE_TOKEN:?}" "${ADOBE_API_KEY:?}" "${ADOBE_ORG_ID:?}" "${ADOBE_SANDBOX:?}"
trap 'rm -f filled.json answer.json' EXIT

post() { # post PATH FILE: into answer.json
    sed -e "s/EVENTS_SERVER_ID/${EVENTS_SERVER_ID:-}/g" -e "s/FIELDS_SERVER_ID/${FIELDS_SERVER_ID:-}/g" -e "s/AUDIENCE_TEMPLATE_ID/${AUDIENCE_TEMPLATE_ID:-}/g" -e "s/DESTINATION_ID/${DESTINATION_ID:-}/g" "$2" > filled.json
    printf 'Authorization: Bearer %s\n' "$ADOBE_TOKEN" | curl --silent --show-error --fail-with-body \
        --header @- --header "x-api-key: $ADOBE_API_KEY" --header "x-gw-ims-org-id: $ADOBE_ORG_ID" \
        --header "x-sandbox-name: $ADOBE_SANDBOX" --header 'Content-Type: application/json' \
        --data-binary @filled.json --output answer.json "https://platform.adobe.io/data/core/activation/authoring/$1" || refused "$2"
}

refused() { # refused FILE
    if [ -e answer.json ]; then cat answer.json >&2; fi
    echo "$1 was refused; what was made before it stays, so go on by hand" >&2
    exit 1
}

made() { # made FILE: the id of what was made of it
    id=$(grep -o '"instanceId" *: *"[^"]*"' answer.json | head -n 1 | cut -d '"' -f 4)
    [ -n "$id" ] || refused "$1"
    echo "$id"
}

post destination-servers events-server.json
EVENTS_SERVER_ID=$(made events-server.json)
echo "events-server.json: $EVENTS_SERVER_ID"
post destination-servers fields-server.json
FIELDS_SERVER_ID=$(made fields-server.json)
echo "fields-server.json: $FIELDS_SERVER_ID"
post audience-templates audience-template.json
AUDIENCE_TEMPLATE_ID=$(made audience-template.json)
echo "audience-template.json: $AUDIENCE_TEMPLATE_ID"
post destinations destination.json
DESTINATION_ID=$(made destination.json)
echo "destination.json: $DESTINATION_ID"
post testing/template/render template-test.json
mv answer.json rendered.json
echo 'template-test.json: rendered.json'
