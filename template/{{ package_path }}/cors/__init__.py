# fmt: off
"""The CORS policy, managed by the template: updates replace this folder, so edit nothing here."""

# The release of the template that this code is of. The tests in tests/cors are of one, too.
RELEASE = "2.0.0"
