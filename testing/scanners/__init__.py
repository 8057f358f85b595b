"""What others' rules say of the template: checkov of all resources, and AWS's list of actions of what roles may do.

`python -m testing.scanners PYTHON` runs both with the interpreter of an environment that has the scanners
(testing/scanners/requirements.txt), as `make check` does. Nothing leaves the machine.
"""
