"""What is done: operations, their workers and commands, and what they ask of a machine."""
