# Cairn: everything a newcomer needs is `make run` and `make test`; `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

HOST_ARCH := $(shell dpkg --print-architecture)
ARCH ?= $(HOST_ARCH)
SECONDS ?=
SPEED ?= 3600
BUILD := build
SHIP := $(BUILD)/$(ARCH)
EMBEDDED_SCRATCH := .build-embedded
SHIP_PROGRAMS := cairn-agent cairn-uplink-https cairn-uplink-mqtt cairn-usb cairn-forwarder cairn
VENV := $(BUILD)/outside
PYTHON := $(VENV)/bin/python

# The packages that the board's libraries, the gateway's SQLite and the checks come from.
# `make ship` for another architecture brings its libraries itself; to run its programs here takes an emulator.
CROSS_PACKAGES := qemu-user-static
# The broker that tests of MQTT start; no service of it is needed.
BROKER_PACKAGES := mosquitto
SERVICE_PACKAGES := systemd udev lintian util-linux
PACKAGES_PACKAGES := mmdebstrap util-linux $(if $(filter-out 0,$(shell id -u)),uidmap)
# Emulated boards, and the kernel module that Debian's kernel leaves out.
BOARD_TEST_PACKAGES := qemu-system-arm qemu-utils mtools e2fsprogs cpio kmod gcc-aarch64-linux-gnu make xz-utils openssl
ONLY ?=
# What an image is put together with, and the machine in which its packages are configured.
IMAGE_PACKAGES := qemu-system-arm mtools dosfstools e2fsprogs fdisk fakeroot device-tree-compiler kmod cpio xz-utils debian-archive-keyring
BOARD ?=
DEVICE ?=
URL ?=
DEBIAN_PACKAGES := musl-dev libsodium-dev libcurl4-openssl-dev libinih-dev libi2c-dev libgpiod-dev libssl-dev libsqlite3-dev \
	libqrencode-dev libmosquitto-dev libusb-1.0-0-dev libedit-dev \
	binutils pkg-config python3 python3-venv openssl ca-certificates

.PHONY: help setup outside build ship deb run archive test attack-test test-optimised test-cross test-services test-packages test-boot image flash imager test-image board-test idle resident check bench size format clean

help: ## lists these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  make run SECONDS=75 ends by itself; SPEED=3600 lets the weather pass an hour a second."

# Each package is looked for first, so that nothing is asked for when all are there.
setup: ## installs what Debian packages are missing (apt, with sudo where needed)
	@missing=(); for package in $(DEBIAN_PACKAGES); do \
	  dpkg-query -W -f '$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || missing+=($$package); done; \
	if [ $${#missing[@]} -gt 0 ]; then \
	  echo "installing $${missing[*]}"; \
	  sudo=; [ $$(id -u) -eq 0 ] || sudo=sudo; \
	  $$sudo apt-get update -qq; \
	  DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends $${missing[@]} >/dev/null; \
	fi
	@command -v swift >/dev/null || { echo "Swift 6.3 is missing: https://www.swift.org/install/linux/" >&2; exit 1; }

$(VENV)/.ready: Tests/Outside/requirements.txt | setup
	@echo "preparing somebody else's verifiers (Python, in $(VENV))"
	@python3 -m venv $(VENV)
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check -r Tests/Outside/requirements.txt
	@touch $@

outside: $(VENV)/.ready ## prepares somebody else's verifiers in a Python environment

build: setup ## builds everything as full Swift, for gateway, simulator and tests
	swift build

ship: setup ## builds the stripped programs of a board in build/ARCH (amd64, arm64, armhf): Embedded Swift
	@Boards/Cross/ship.sh $(ARCH) $(SHIP_PROGRAMS)
	@ls -l $(addprefix $(SHIP)/,$(SHIP_PROGRAMS)) | awk '{ printf "  %-32s %9d bytes\n", $$9, $$5 }'

# The programs of this machine are asked for their manual pages.
deb: ship ## Debian packages of ARCH, in build/deb
ifneq ($(ARCH),$(HOST_ARCH))
	@$(MAKE) --no-print-directory ship ARCH=$(HOST_ARCH)
endif
	@Boards/Debian/deb.sh $(ARCH) $(SHIP_PROGRAMS)

ifeq ($(ARCH),$(HOST_ARCH))
RUN_PROGRAMS := $(SHIP)
else
RUN_PROGRAMS := $(SHIP)/emulated
endif

run: ship ## the main job, live: three virtual boards that hear each other, and a gateway, on this machine
ifneq ($(ARCH),$(HOST_ARCH))
	@$(MAKE) --no-print-directory setup DEBIAN_PACKAGES="$(CROSS_PACKAGES)"
	@Boards/Cross/emulated.sh $(ARCH) $(SHIP_PROGRAMS)
endif
	@swift build --product cairn-gateway
	@swift build --product cairn-simulate
	@"$$(swift build --show-bin-path)/cairn-simulate" run --folder $(BUILD)/run --programs $(RUN_PROGRAMS) \
	  --speed $(SPEED) $(if $(SECONDS),--seconds $(SECONDS))

archive: ## the archive of the last `make run`: exported, and verified by cairn-gateway
	@rm -rf $(BUILD)/run/archive
	@"$$(swift build --show-bin-path)/cairn-gateway" export --data $(BUILD)/run/gateway --to $(BUILD)/run/archive
	@"$$(swift build --show-bin-path)/cairn-gateway" verify $(BUILD)/run/archive --key $(BUILD)/run/gateway/gateway.pub

test: ship outside ## every test
	@$(MAKE) --no-print-directory setup DEBIAN_PACKAGES="$(BROKER_PACKAGES)"
	swift build --build-tests
	@rm -rf $(BUILD)/standings $(BUILD)/periods
	CAIRN_ARCHIVES=$(CURDIR)/$(BUILD)/standings CAIRN_PERIODS=$(CURDIR)/$(BUILD)/periods swift test --skip-build
	$(MAKE) test-optimised
	$(MAKE) test-cross
	$(MAKE) test-image
	@$(MAKE) --no-print-directory setup DEBIAN_PACKAGES="$(IMAGE_PACKAGES) $(BOARD_TEST_PACKAGES)"
	@# QEMU translates code while it runs, and is reached by loopback: some sandboxes forbid that.
	@if why=$$(python3 Tests/BoardTests/board_test.py --possible); then $(MAKE) board-test; \
	else echo "board-test: NOT RUN: $$why"; fi
	$(PYTHON) Tests/Outside/selftest.py
	$(PYTHON) Tests/Outside/documents.py
	$(PYTHON) Tests/Outside/coverage.py
	$(PYTHON) Tests/Outside/coverage_archive.py Tests/Outside/beacons
	$(PYTHON) Tests/Outside/coverage_statistics.py $(BUILD)/standings/*
	$(PYTHON) Tests/Outside/statistics_periods.py $(BUILD)/periods/*
	$(MAKE) test-services
	@# A sandbox that allows no mounts at all can't have a Debian root of its own.
	@if unshare --mount true || unshare --user --map-root-user --mount true; then $(MAKE) test-packages; \
	else echo "test-packages: NOT RUN: this machine allows nobody a mount namespace"; fi
	$(PYTHON) Tests/Outside/sealed_keys.py
	$(PYTHON) Tests/Outside/sealed_keys.py --program $(SHIP)/cairn
	$(PYTHON) Tests/Outside/doctor.py $(SHIP)/cairn
	$(MAKE) run SECONDS=75
	$(PYTHON) Tests/Outside/verify_export.py $(BUILD)/run/export
	$(PYTHON) Tests/Outside/ten_lines.py $(BUILD)/run/export
	$(PYTHON) Tests/Outside/gateway_log.py "$$(swift build --show-bin-path)/cairn-gateway" $(BUILD)/run/gateway
	$(PYTHON) Tests/Outside/mqtt.py "$$(swift build --show-bin-path)"
	$(MAKE) archive
	$(PYTHON) Tests/Outside/archive.py $(BUILD)/run/archive --key $(BUILD)/run/gateway/gateway.pub
	$(PYTHON) Tests/Outside/archive_selftest.py $(BUILD)/run/archive
	$(MAKE) check

# Optimised full Swift: what only the optimiser makes wrong is seen by no debug build.
test-optimised: setup ## the tests of board modules once more, optimised
	BOARD_ONLY=1 swift build -c release --build-tests -Xswiftc -enable-testing --scratch-path .build-release
	BOARD_ONLY=1 swift test -c release --skip-build -Xswiftc -enable-testing --scratch-path .build-release

# Words of 32 bits, other compilers' back ends, other kernels' interfaces: the same results, under an emulator.
test-cross: setup ## what amd64, arm64 and armhf compute is the same; whole programs of both under qemu-user
	@$(MAKE) --no-print-directory setup DEBIAN_PACKAGES="$(CROSS_PACKAGES)"
	python3 Tests/Cross/cross.py

test-services: deb ## units, udev rules and packages, as far as this machine can tell
	@$(MAKE) --no-print-directory setup DEBIAN_PACKAGES="$(SERVICE_PACKAGES)"
	python3 Tests/Services/selftest.py $(SHIP_PROGRAMS)

test-packages: deb ## packages installed, upgraded, broken off and removed in a Debian root of their own
	@$(MAKE) --no-print-directory setup DEBIAN_PACKAGES="$(PACKAGES_PACKAGES)"
	@swift build --product cairn-simulate
	python3 Tests/Packages/selftest.py "$$(swift build --show-bin-path)/cairn-simulate" $(SHIP_PROGRAMS)

# Not a part of `make test`: not every machine lets a systemd boot.
test-boot: deb ## services under a systemd of their own (as root): sandboxes, kill, upgrade, removal
	@$(MAKE) --no-print-directory setup DEBIAN_PACKAGES="$(PACKAGES_PACKAGES) systemd-container"
	python3 Tests/Packages/boot.py $(SHIP_PROGRAMS)

image: ## a flashable image: BOARD=raspberry-pi-3, raspberry-pi-4 or raspberry-pi-zero-2-w, in build/image/BOARD
	@Boards/Image/image.sh "$(BOARD)" check
	@$(MAKE) --no-print-directory setup DEBIAN_PACKAGES="$(IMAGE_PACKAGES)"
	@$(MAKE) --no-print-directory deb ARCH=arm64
	@Boards/Image/image.sh "$(BOARD)"

flash: ## writes the image of BOARD to the card DEVICE, removable ones only, and reads it back
	@python3 Boards/Image/flash.py "$(BOARD)" "$(DEVICE)"

imager: ## compresses the images, and writes the list that Raspberry Pi Imager reads: URL=https://…
	@python3 Boards/Image/imager.py $(BUILD)/image "$(URL)"

test-image: setup ## what of image, flash and first boot needs no emulated board
	@$(MAKE) --no-print-directory setup DEBIAN_PACKAGES="$(IMAGE_PACKAGES)"
	@python3 Tests/ImageTests/selftest.py

# Five seconds a seed and core; SEEDS=n, NODES=n, CHANNEL=plain or hilly, ATTACK=name, JSON=1, MARKDOWN=1, SWEEP=1 (other limits too).
attack-test: setup ## attacks on coverage over 100 seeds, beside an older network's rules
	swift build -c release --scratch-path .build-release --product cairn-attack
	.build-release/release/cairn-attack --seeds $(or $(SEEDS),100) $(if $(CHANNEL),--channel $(CHANNEL)) $(if $(NODES),--nodes $(NODES)) \
	  $(if $(ATTACK),--attack $(ATTACK)) $(if $(SWEEP),--sweep) $(if $(JSON),--json) $(if $(MARKDOWN),--markdown)

check: ## style, imports, dependency graph, links
	python3 Tests/Rules/check.py --self-test
	python3 Tests/Rules/check.py
	swift format lint --strict --recursive Sources Tests Package.swift

bench: ship ## measures what docs/measurements.md speaks of
	Tests/Bench/bench.sh

board-test: ## the image in emulated boards: I2C, GPIO, USB, first boot, delivery, power cuts; ONLY=name runs one scenario
	@mkdir -p $(BUILD) && date +%s >$(BUILD)/board-test.begun
	@$(MAKE) --no-print-directory setup DEBIAN_PACKAGES="$(BOARD_TEST_PACKAGES)"
	@$(MAKE) --no-print-directory image BOARD=raspberry-pi-3
	@swift build --product cairn-gateway
	@swift build --product cairn-simulate
	@Tests/BoardTests/modules.sh $(BUILD)/image/kernel $(BUILD)/board-test/modules
	@echo "the image is there after $$(($$(date +%s) - $$(cat $(BUILD)/board-test.begun))) s"
	python3 Tests/BoardTests/board_test.py $(ONLY)
	@# Power cuts, failing flushes, full disks: CUTS=n, SEED=n repeats a run.
	$(if $(ONLY),,CUTS=$(or $(CUTS),200) SEED=$(or $(SEED),0) python3 Tests/BoardTests/powercut.py)
	@echo "board-test: $$(($$(date +%s) - $$(cat $(BUILD)/board-test.begun))) s in all"

idle: ship ## processor time and wake-ups of agent and uplink with nothing to do, in five minutes
	@swift build --product cairn-gateway
	@swift build --product cairn-simulate
	python3 Tests/Bench/measure.py idle

resident: ship ## resident memory of agent and uplink on each architecture that is built, under qemu-user
	@$(MAKE) --no-print-directory setup DEBIAN_PACKAGES="$(CROSS_PACKAGES)"
	@swift build --product cairn-gateway
	@swift build --product cairn-simulate
	python3 Tests/Bench/resident.py

size: ship ## sizes of the board's programs
	Tests/Bench/size.sh

format: ## brings the sources into the project's format
	swift format -i --recursive Sources Tests Package.swift

clean: ## removes all that was built, and the state of `make run`
	rm -rf .build .build-release $(EMBEDDED_SCRATCH) $(EMBEDDED_SCRATCH)-* $(BUILD)
