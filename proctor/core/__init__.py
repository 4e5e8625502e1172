"""Pure rules: inputs in, facts out; no clock, dice, files or waiting."""
