"""Tables of how networks are built: measured on the built networks, audited against what is printed.

`plan` makes a row's job, `measure` runs it, `audit` holds the record against the published facts, `sheets` and `forms`
show it. A row of such a table has no training and no evaluation.
"""
