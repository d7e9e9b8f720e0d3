"""Nothing managed is missing: a proof that was deleted proves nothing.

No update brings it back: Copier leaves a deleted file deleted.
"""

from .expected import ROOT
from .service import entrypoint

BRING_BACK = "uvx copier recopy --defaults --vcs-ref=:current: --skip='*'"


def test_every_managed_file_is_there() -> None:
    package = entrypoint().partition(".")[0]
    listed = (ROOT / "tests" / "cors" / "managed.txt").read_text(encoding="utf-8").split()
    managed = [name.replace("*", package, 1) for name in listed]
    missing = [name for name in managed if not (ROOT / name).is_file()]
    assert missing == [], f"Managed files are missing. Bring them back: {BRING_BACK}"
