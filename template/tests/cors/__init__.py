"""The tests of the CORS policy, managed by the template: updates replace this folder.

Every environment that has a dotenv file gets the requests that browsers, attackers and caches send.
The expected responses are read from the dotenv files alone, never from the code under test.
"""
