"""What the sources claim, each with the rule that decides it, and a verdict from recorded runs."""
