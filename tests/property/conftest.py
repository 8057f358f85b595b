"""How many examples: `usual` in every run of the suite, `soak` with `--hypothesis-profile=soak`.

The usual ones are the same in each run, so that a change fails for what it does and not by chance; soak looks for new
ones. So what a rule draws does not depend on what a delivery did, whose threads may take turns in another order: how
messages are shuffled, of which there may be one more, is told by a number.
"""

from hypothesis import settings

settings.register_profile("usual", max_examples=200, deadline=None, derandomize=True)
settings.register_profile("soak", max_examples=5_000, deadline=None, stateful_step_count=60)
settings.load_profile("usual")
