"""Chromium, Firefox and WebKit do what the browser model says. `make test-engines` runs this.

servers.py       the service, the pages of every origin, and a proxy that finds both
engine.py        what the three drivers have in common
chromium.py …    start one, open a page, run a script, read the console
cases.py         what pages fetch, and what the service answers
matrix.py        each case in the model and in an engine, as one line that can be compared
differences.py   the lines in which engines differ from the model, each with its reason
"""
