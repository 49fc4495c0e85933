# make demo    install into .venv, fuse real pairs, write pictures to demo/, open napari
# make test    install what the tests need, and run them
# make help    the rest

VENV ?= .venv
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3,\
	$(shell command -v $(name) 2>/dev/null)))
# Holds PyTorch at the version that is tested; CONSTRAINTS= takes the newest.
CONSTRAINTS ?= constraints.txt
# What Qt, OpenGL and a virtual screen need; SYSTEM_PACKAGES= leaves the system alone.
SYSTEM_PACKAGES ?= xvfb xauth libgl1 libegl1 libopengl0 libgl1-mesa-dri libglx-mesa0 \
	libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 \
	libxcb-render-util0 libxcb-shape0 libxcb-xkb1 libdbus-1-3 libfontconfig1 libglib2.0-0 \
	fonts-dejavu-core
DEMO ?= demo
API ?= build/api
# More arguments for pytest, such as ARGS="-k cli".
ARGS ?=

PY := $(VENV)/bin/python
INSTALL = $(if $(CONSTRAINTS),PIP_CONSTRAINT=$(CONSTRAINTS) )$(PY) -m pip install \
	$(if $(CONSTRAINTS),-c $(CONSTRAINTS))
SOURCES := pyproject.toml $(CONSTRAINTS)

.DEFAULT_GOAL := help
.PHONY: help demo test lint docs gallery build clean system-packages

help:
	@echo "make demo    fuse real pairs, write pictures to $(DEMO)/, open napari"
	@echo "make test    run the tests, the viewer's under a virtual screen"
	@echo "make lint    check style and types"
	@echo "make docs    write the API reference to $(API)/"
	@echo "make gallery make the pictures of the documentation anew"
	@echo "make build   build the sdist and the wheel into dist/"
	@echo "make clean   remove what these commands made"
	@echo
	@echo "Variables: PYTHON=python3.12, VENV=folder, CONSTRAINTS= (newest PyTorch),"
	@echo "           SYSTEM_PACKAGES= (install no Debian packages), ARGS=\"for pytest\""

demo: system-packages $(VENV)/.installed-demo
	@if [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] || [ "$$(uname)" = Darwin ]; then \
		$(PY) examples/demo.py --out $(DEMO); \
	else \
		echo "No display: taking a screenshot of napari on a virtual screen."; \
		xvfb-run -a -s "-screen 0 1600x1000x24" \
			$(PY) examples/demo.py --out $(DEMO) --screenshot; \
	fi

test: system-packages $(VENV)/.installed-test
	$(PY) -m pytest $(ARGS)

lint: $(VENV)/.installed-lint
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

docs: $(VENV)/.installed-docs
	$(PY) tools/api_reference.py $(API)

gallery: system-packages $(VENV)/.installed-docs
	xvfb-run -a -s "-screen 0 1600x1000x24" $(PY) -m tools.gallery

build: $(VENV)/.installed-build
	$(PY) -m build

clean:
	rm -rf $(VENV) $(DEMO) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

system-packages:
	@tools/system_packages.sh $(SYSTEM_PACKAGES)

# A virtual environment, once; Debian keeps the module for it in a package of its own.
$(PY):
	@if [ -z "$(PYTHON)" ] || ! "$(PYTHON)" -c "import sys; sys.exit(sys.version_info < (3, 11))"; \
	then \
		echo "Python 3.11 or newer is needed; install it, or name it: make PYTHON=/path/to/it"; \
		exit 1; \
	fi
	@"$(PYTHON)" -c "import ensurepip" 2>/dev/null || tools/system_packages.sh \
		"$$("$(PYTHON)" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
	"$(PYTHON)" -m venv $(VENV)

$(VENV)/.installed-demo: $(SOURCES) | $(PY)
	$(INSTALL) -e ".[qt]"
	@touch $@

$(VENV)/.installed-test: $(SOURCES) | $(PY)
	$(INSTALL) -e ".[test]"
	@touch $@

$(VENV)/.installed-lint: $(SOURCES) | $(PY)
	$(INSTALL) -e ".[test,lint]"
	@touch $@

$(VENV)/.installed-docs: $(SOURCES) | $(PY)
	$(INSTALL) -e ".[docs]"
	@touch $@

$(VENV)/.installed-build: $(SOURCES) | $(PY)
	$(INSTALL) build
	@touch $@
