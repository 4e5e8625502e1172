"""The same beat in other stacks: parse the frame, write it to Redis, answer. Each is what its users would write."""
