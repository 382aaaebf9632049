"""The lessons: one folder per topic, with what it measures, its runs, claims, pictures and panels.

A lesson imports the instrument and what all lessons run on, and nothing of another lesson.
"""
