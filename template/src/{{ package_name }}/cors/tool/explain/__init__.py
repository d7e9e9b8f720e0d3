"""`cors explain`: which step of the browser fails, why, and the line to change.

    question.py    what is asked, read from whatever somebody typed
    ask.py         the answer of a policy, from the browser model and the policy layer alone
    steps.py       that answer as the steps of a browser
    remedy.py      the lines to change until the policy allows it
    explanation.py all of it together, for one environment
    handshake.py   the same for a WebSocket
    answer.py      either of the two, here and in the other environments
    messages.py    what browsers write into their console, message by message
    causes.py      what each message means, and what else may be behind it
    console.py     the messages found in a text that was copied from a console
    diagnosis.py   a message held against the policy
    report.py      how all this is printed

Nothing here runs a handler of the application or touches the network.
"""
