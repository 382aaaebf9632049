"""Grids of runs over any executor; one finished run is one line that survives a crash."""
