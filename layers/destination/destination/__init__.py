"""A Marketo Engage destination: profile and audience events in, leads and static lists out."""

import logging

for _library in ("aws_lambda_powertools", "boto3", "botocore", "requests", "urllib3"):
    # At DEBUG they write what they are given: bodies of requests and answers, with the secrets and people in them.
    logging.getLogger(_library).setLevel(logging.WARNING)
