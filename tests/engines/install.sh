#!/usr/bin/env bash
# Installs the engines that are missing, where that is possible. Elsewhere it says what is missing.
set -euo pipefail

missing=()
command -v chromium chromium-browser google-chrome chrome >/dev/null || missing+=(chromium)
command -v firefox-esr firefox >/dev/null || missing+=(firefox-esr)
# MiniBrowser is in the package of the library, on the PATH of nobody.
compgen -G '/usr/lib*/*/webkit2gtk-4.*/MiniBrowser' >/dev/null || missing+=(libwebkit2gtk-4.1-0)
command -v Xvfb >/dev/null || missing+=(xvfb)

if ((${#missing[@]} == 0)); then
  exit 0
fi
if ((EUID == 0)) && command -v apt-get >/dev/null; then
  apt-get update
  DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "${missing[@]}"
else
  echo "Not installed here: ${missing[*]}. Only root can install them, on Debian or Ubuntu." >&2
fi
