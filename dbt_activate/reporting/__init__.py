"""What is told: typed results, console lines, events, and the artifact."""
