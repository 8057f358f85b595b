"""A Marketo Engage destination: profile and audience events in, leads and static lists out."""
