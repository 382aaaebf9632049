"""Strangers' runs: other networks, other data; first the curves alone, then all of it.

- ``scripts``: four that work; ``stranger``, ``cases``: what is changed, asked and told
- ``picture``, ``controls``: what is sent, and the questions in turn
"""
