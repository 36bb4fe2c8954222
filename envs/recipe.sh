#!/bin/sh
# The steps from a bare Debian bookworm to NeuroQuant's environment. Dockerfile, envs/neuroquant.def and envs/chroot.sh
# copy the same files to /opt/neuroquant and run this; nothing else makes an image.
set -eu
cd /opt/neuroquant

# git tells the report which version of the code ran
apt-get update
DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends ca-certificates git python3 python3-venv
rm -rf /var/lib/apt/lists/*

# as `make` installs: torch first, with what its build needs, then exactly the lock
python3 -m venv venv
venv/bin/pip install --no-cache-dir --requirement torch.lock
venv/bin/pip install --no-cache-dir --require-hashes --no-deps --requirement requirements.lock
venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation --editable .

venv/bin/neuroquant --version
