"""Requests and answers: headers and bodies. (A folder `http` would stand before Python's own.)"""
