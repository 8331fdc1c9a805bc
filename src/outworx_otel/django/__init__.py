"""A Django application for `INSTALLED_APPS`: its migration makes the table of `django://` and `transaction://`."""
