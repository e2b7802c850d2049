"""How destinations talk to their tool: at its pace, again where that is safe, in requests that it takes."""
