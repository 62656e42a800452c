# Two commands are enough: `make workbook` and `make test`. All work is done by make.py, so Windows has the same ones
# (`python make.py workbook`). Choose a Python with `make setup PYTHON=python3.12`, pass options with `make test ARGS="-k bert"`.
PYTHON ?= $(or $(shell command -v python3),$(shell command -v python3.13),$(shell command -v python3.12),python)

.PHONY: help workbook test setup lab figures tiny-bert
help workbook test setup lab figures tiny-bert:
	@"$(PYTHON)" make.py $@ $(ARGS)
