"""Faults that the generated suite must catch, and additions of users that it must accept.

    faults.py            faults of the policy: what it lets in, grants, caches, guards
    callbacks.py         faults of the door for login callbacks, and the addition that opens it
    tenants.py           faults of the provider of tenants
    hosts.py             faults of the hosts, and the addition that lists some
    configuration.py     faults of what reads and audits the configuration
    owners.py            faults that people write into the files that are theirs, and additions
    replacing.py         how a fault replaces a part of the service
    plugin.py            the pytest plugin that puts a fault into the service before its tests run
    running.py           runs the suite on a fault; `python -m tests.mutants` runs it on all

Behaviour is replaced: a function, a header of the response, a value of the settings. Text is
replaced only where people write it.
"""
