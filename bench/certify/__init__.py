"""`python -m bench certify`: 100,000 learners online and 1,000 operations at once, measured and reported.

plan -> drive -> measure -> judge -> report. `plan` says what is run; `site` is the product under test, `crowd` the
load processes made of `student`s; `meter` and `seconds` are what was measured; `truth` holds the record against what
the students played; `judge` holds figures against bench/budgets.json; `pages` and `charts` write the report.
"""
