"""What makes the documentation: the parts that are written from the code, and the site.

`python -m docs_build` writes the parts, `make docs` builds the site.
"""
