"""The Marketo REST API, as the rest of the system needs it: `instance.Marketo` is the way in."""
