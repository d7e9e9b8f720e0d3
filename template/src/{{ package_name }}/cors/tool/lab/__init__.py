"""`cors lab`: what the policy says beside what a real browser does, request by request.

The lab starts the service, and a page at each local origin of the environment plus one stranger.
The pages run real fetches; a table shows for each what the policy says and what came of it.

    run.py       the command: what is started, in which order, until Ctrl-C
    pages.py     at which origins pages can be served here, and the sockets for them
    rows.py      the requests: one row of the table each
    probe.py     the lab's own routes in the service, and a note of what reached it
    verdicts.py  what the policy and the service say, by the model of a browser in ../browser/
    words.py     one sentence on why, and which variable to change
    server.py    the server of the pages
    page/        the pages: HTML, CSS and JavaScript as the browser gets them
"""
