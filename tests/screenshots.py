"""Take the pictures of `cors lab` in docs/. `make screenshots` runs this."""

from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.sync_api import Browser

from .lab import chromium, running_lab, wait_until_done
from .project import TEMPLATE, example, render

WINDOW = {"width": 1180, "height": 850}


def take(browser: Browser, address: str, scheme: str) -> None:
    """Take a picture of the table in a colour scheme; a blocked cell is selected."""
    page = browser.new_page(viewport=WINDOW, color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(f"{address}/")
    print(wait_until_done(page))
    path = TEMPLATE / "docs" / f"lab-{scheme}.png"
    page.screenshot(path=path)
    # 256 colours are enough: only the smoothed edges of letters have more.
    Image.open(path).convert("RGB").quantize(dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> None:
    """Render an example, and take all pictures of its lab."""
    with TemporaryDirectory() as folder:
        project = render(Path(folder) / "orders-api", example("spa-cookies"))
        with running_lab(project, "--environment", "development") as lab, chromium() as browser:
            for scheme in ("light", "dark"):
                take(browser, lab.address, scheme)


if __name__ == "__main__":
    main()
