# fmt: off
"""Development tools that ask about the policy. They are left out of the wheel."""
