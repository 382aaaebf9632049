"""What a recording says, as a figure and a table for a paper."""
