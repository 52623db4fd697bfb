.PHONY: install check test long compat dist site pictures demo relay newcomer newcomer-tests

install:  ## an environment in .venv, with what tests and checks need
	python3 -m venv .venv
	.venv/bin/pip install -q -e '.[test]'

check:  ## style, types, shell
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/shellcheck --severity=warning .ci/run benchmarks/by_hand.sh benchmarks/docker_by_hand.sh benchmarks/hosts.sh tests/compat.sh tests/newcomer/machine.sh

test:  ## all tests, as the README runs them: about 25 minutes on two cores, as root on real lab hosts
	.venv/bin/pytest

long: test compat  ## that, and what takes longer: the tests marked so, both ends of the versions, promises about speed
	.venv/bin/pytest -m long
	.venv/bin/pytest -m hypothesis --hypothesis-profile=drawn
	.venv/bin/python -m benchmarks --assert
	.venv/bin/python -m benchmarks.environment --assert
	.venv/bin/python -m benchmarks.contained --rounds 1 --assert
	.venv/bin/python -m benchmarks.far --assert
	.venv/bin/python -m benchmarks.many --assert
	.venv/bin/python -m benchmarks.soak

compat:  ## the unit tests with the lowest versions on Python 3.10 and the newest on 3.13
	tests/compat.sh

dist:  ## wheel and sdist in dist/, checked as PyPI does
	rm -rf dist
	.venv/bin/python -m pip wheel -q --no-deps --wheel-dir dist .
	.venv/bin/python -c "import setuptools.build_meta as made; made.build_sdist('dist')"
	.venv/bin/twine check --strict dist/*

site:  ## the documents as web pages in build/site, every link checked
	.venv/bin/pip install -q -e '.[docs]'
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build -f docs/site/mkdocs.yml -d ../../build/site

pictures:  ## those of the documents, taken anew of what is there now; with chromium and its driver
	WRITE_DOCS=1 .venv/bin/pytest -n0 -q tests/hosts/test_pictures_of_pages.py tests/unit/docs/test_pictures.py

relay:  ## large files from host to host, against to each host: as root, about a quarter of an hour
	.venv/bin/python -m benchmarks.relay --assert

demo:  ## the whole job on this machine
	.venv/bin/provision demo

newcomer:  ## the README's demo on fresh minimal Debians, as root; NEWCOMER="--suite trixie --case user" for one
	python3 tests/newcomer demo $(NEWCOMER)

newcomer-tests:  ## and its tests there
	python3 tests/newcomer tests $(NEWCOMER)
