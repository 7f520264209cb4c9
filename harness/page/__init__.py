"""One page that stands alone: every table of a results folder with its records, charts, figures and findings.

Runs nothing and imports no torch. `content` is what a page is made of; each kind of table gives its own section
(`harness.report.forms.Form.page`); `collect` finds them, `render` makes one HTML file of them.
"""
