# Finds the interpreter that builds a layer, as $(python). Bytecode can be loaded only by the minor version of Python
# that wrote it, so the layer's builder and the functions' runtime must agree.
#
#   LAYER_PYTHON_VERSION  minor version of the functions' runtime (default 3.13)
#   LAYER_PYTHON          an interpreter of that version (default: the first that is found and runs)
#
# Each layer holds a link to this file: sam builds a layer in a copy of its own folder.
LAYER_PYTHON_VERSION ?= 3.13
LAYER_PYTHON ?=

# A version manager puts a python3.13 on PATH that fails when it is not the chosen one: each candidate is tried.
python := $(shell \
  for candidate in "$(LAYER_PYTHON)" "python$(LAYER_PYTHON_VERSION)" \
      "$${PYENV_ROOT:-$$HOME/.pyenv}/versions/$(LAYER_PYTHON_VERSION)".*/bin/python \
      "$$HOME/.local/share/uv/python/cpython-$(LAYER_PYTHON_VERSION)".*/bin/python \
      "/opt/homebrew/bin/python$(LAYER_PYTHON_VERSION)" "/usr/local/bin/python$(LAYER_PYTHON_VERSION)"; do \
    "$$candidate" -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] != "$(LAYER_PYTHON_VERSION)")' \
      2>/dev/null && echo "$$candidate" && break; \
  done)

ifeq ($(python),)
$(error Python $(LAYER_PYTHON_VERSION) was not found, and the bytecode of the layers needs it. Install it \
  (for example: uv python install $(LAYER_PYTHON_VERSION), or pyenv install $(LAYER_PYTHON_VERSION)), \
  or name an interpreter in LAYER_PYTHON)
endif

# Unchecked: the times of files do not survive the zip, so the usual check would discard the bytecode.
compile = "$(python)" -m compileall -q -j 0 --invalidation-mode unchecked-hash
