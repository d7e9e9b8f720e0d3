"""The proof of the CORS policy, managed by the template: updates replace this folder.

Every environment that has a dotenv file is asked the questions that browsers, attackers and caches
ask. What it should answer is read from the dotenv file alone, never from the code under test.
"""
