# zpscope: `make demo` and `make test` do all the set-up; both can be repeated, the second time is quick.
# What they install lies in .venv (and build, the links of the editable install); `make clean` takes it away.

VENV := .venv
BIN := $(VENV)/bin
# Another interpreter: make demo PYTHON=/usr/bin/python3.12
PYTHON :=
# More words for a command: make demo ARGS="--fields 60", make test ARGS="-k wire"
ARGS ?=
FOLDERS := config counting imaging drivers engines daemon display training study report
# What some tests need beyond Python packages, as COMMAND:PACKAGE of Debian.
SYSTEM := chromium:chromium promtool:prometheus systemd-analyze:systemd

PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
LIST := find $(FOLDERS) -type f ! -path '*/__pycache__/*' | LC_ALL=C sort
export PIP_ROOT_USER_ACTION := ignore
# pyright runs on the Node.js that its package brings, and does not ask for newer ones of itself.
export PYRIGHT_PYTHON_GLOBAL_NODE := off
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

# An environment that was moved, or whose Python is gone, is of no use: it is made anew.
ifneq ($(shell [ ! -e $(VENV)/place ] || { grep -qxF '$(CURDIR)' $(VENV)/place && $(BIN)/python -c ''; } 2>&1 || echo no),)
.PHONY: $(VENV)/place $(VENV)/base $(VENV)/dev
endif

.NOTPARALLEL:
.PHONY: help demo test check soak schema clean links system

help:
	@echo 'make demo    install zpscope into .venv and score a simulated slide; the page is http://127.0.0.1:8470'
	@echo 'make test    install what the tests need, run every check and every test (minutes)'
	@echo 'make check   ruff, mypy, pyright and import-linter only'
	@echo 'make soak    the tests that run for many minutes'
	@echo 'make schema  write config/schema.json anew, after a change of config/settings.py'
	@echo 'make clean   remove .venv, build and every cache'
	@echo
	@echo 'PYTHON=/usr/bin/python3.12 chooses the interpreter, ARGS="--fields 60" adds words to the command.'

demo: $(VENV)/base links
	@echo '== zpscope demo $(ARGS)   (Ctrl-C ends it)' >&2
	@$(BIN)/zpscope demo $(ARGS)

test: $(VENV)/dev links system
	@failed=; \
	$(MAKE) --no-print-directory check || failed=1; \
	echo '== pytest'; \
	$(BIN)/python -m pytest -rs $(ARGS) || failed=1; \
	test -z "$$failed"

check: $(VENV)/dev links
	@failed=; \
	for tool in 'ruff check' 'ruff format --check' 'mypy' 'pyright' 'lint-imports'; do \
		echo "== $$tool"; \
		case $$tool in \
			lint-imports) set -- $(BIN)/lint-imports --no-cache --no-logo;; \
			pyright) set -- $(BIN)/pyright --project pyproject.toml --pythonpath $(BIN)/python;; \
			*) set -- $(BIN)/$$tool;; \
		esac; \
		"$$@" || failed="$$failed, $$tool"; \
	done; \
	test -z "$$failed" || { echo "make check: failed: $${failed#, }"; exit 1; }

soak: $(VENV)/dev links
	@$(BIN)/python -m pytest -m soak -rs --timeout 3600 $(ARGS)

schema: $(VENV)/base links
	@$(BIN)/python -m zpscope.config.schema > $(VENV)/schema.json
	@cp $(VENV)/schema.json config/schema.json
	@echo '== config/schema.json is up to date'

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/place:
	@if [ -e $(VENV)/place ] && [ -w $(VENV) ]; then \
		echo '== $(VENV) was moved, or its Python is gone: making it anew'; rm -rf $(VENV); \
	elif [ -e $(VENV)/place ]; then \
		echo '$(VENV) belongs to another user and does not run here: say make VENV=/tmp/zpscope-venv'; exit 1; \
	elif [ -e $(VENV) ]; then \
		echo 'the folder $(VENV) was not made by this Makefile: move it away, or say make VENV=.venv-zpscope'; exit 1; \
	fi; \
	for python in '$(PYTHON)' python3 python3.14 python3.13 python3.12 python3.11; do \
		[ -n "$$python" ] || continue; \
		"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
		[ -z '$(PYTHON)' ] || { echo '$(PYTHON) does not run, or is older than Python 3.11:' \
			'name another one with PYTHON=/path/to/python3'; exit 1; }; \
		python=; \
	done; \
	[ -n "$$python" ] || { echo 'zpscope needs Python 3.11 or newer, and none is in PATH:' \
		'install it, or name it with PYTHON=/path/to/python3'; exit 1; }; \
	echo "== creating $(VENV) with $$("$$python" --version)"; \
	"$$python" -m venv $(VENV) && $(PIP) install --upgrade pip 'setuptools>=77' || { rm -rf $(VENV); \
		echo 'no environment could be made: see above; on Debian and Ubuntu, apt-get install python3-venv'; exit 1; }
	@echo '$(CURDIR)' > $@

$(VENV)/base: pyproject.toml | $(VENV)/place
	@echo '== installing zpscope into $(VENV)'
	@$(LIST) > $(VENV)/files
	@$(PIP) install --no-build-isolation --editable .
	@touch $@

$(VENV)/dev: pyproject.toml | $(VENV)/base
	@echo '== installing what the tests need into $(VENV)'
	@$(LIST) > $(VENV)/files
	@$(PIP) install --no-build-isolation --editable '.[dev]'
	@touch $@

# The editable install is a tree of links: a new or renamed file appears in it only after another install.
links: | $(VENV)/base
	@$(LIST) > $(VENV)/files.now
	@if ! cmp -s $(VENV)/files.now $(VENV)/files || ! ls -d build/__editable__.zpscope-* >/dev/null 2>&1; then \
		echo '== linking the files of zpscope into $(VENV)'; \
		rm -rf build; \
		$(PIP) install --no-deps --no-build-isolation --editable . && mv $(VENV)/files.now $(VENV)/files; \
	fi

system:
	@missing=; \
	for pair in $(SYSTEM); do command -v $${pair%%:*} >/dev/null || missing="$$missing $${pair##*:}"; done; \
	[ -n "$$missing" ] || exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "== installing$$missing with apt-get"; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
			apt-get install -qq -y --no-install-recommends $$missing >/dev/null && exit 0; \
	fi; \
	echo "== not installed:$$missing: the tests that need it are skipped (Debian: apt-get install$$missing)"
