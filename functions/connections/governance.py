"""Data usage policies, and what they deny."""

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from destination.api.governance import EvaluationIn, EvaluationOut, PoliciesIn, PoliciesOut
from destination.api.http import etag, expected_version
from destination.composition.connections import manage_policies
from destination.domain.policy import PolicySet
from functions.connections.parameters import JSON, IfMatch, one_object

router = Router()


@router.get("/governance/policies", summary="Show the data usage policies", operation_id="getPolicies")
def get_policies() -> Response[PoliciesOut]:
    return _shown(manage_policies().show())


@router.put(
    "/governance/policies",
    summary="Replace the data usage policies",
    operation_id="setPolicies",
    middlewares=[one_object],
)
def set_policies(body: PoliciesIn, if_match: IfMatch = None) -> Response[PoliciesOut]:
    return _shown(manage_policies().replace(body.proposals(), expected_version(if_match)))


@router.post(
    "/governance/evaluations",
    summary="Find the policies that deny a use of labelled data, or a connection; nothing is stored",
    operation_id="evaluatePolicies",
    middlewares=[one_object],
)
def evaluate_policies(body: EvaluationIn) -> EvaluationOut:
    active = body.active()
    if active is not None:
        return EvaluationOut.of_connection(manage_policies().judge(active, with_drafts=body.include_drafts))
    denied = manage_policies().evaluate(
        body.marketing_actions or (), body.labels or (), with_drafts=body.include_drafts
    )
    return EvaluationOut.of(denied)


def _shown(policies: PolicySet) -> Response[PoliciesOut]:
    return Response(200, JSON, PoliciesOut.of(policies.policies), etag(policies.version))
