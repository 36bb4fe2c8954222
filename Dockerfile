# NeuroQuant in a container.
# Written by `python envs/containers.py`; the steps stand in envs/recipe.sh. Build it in the project's folder:
#   docker build --tag neuroquant .
FROM debian:bookworm-slim
LABEL org.opencontainers.image.title="NeuroQuant"
LABEL org.opencontainers.image.licenses="Apache-2.0"
COPY LICENSE /opt/neuroquant/LICENSE
COPY README.md /opt/neuroquant/README.md
COPY Snakefile /opt/neuroquant/Snakefile
COPY config /opt/neuroquant/config
COPY demo /opt/neuroquant/demo
COPY envs/neuroquant.yaml /opt/neuroquant/envs/neuroquant.yaml
COPY envs/recipe.sh /opt/neuroquant/envs/recipe.sh
COPY neuroquant /opt/neuroquant/neuroquant
COPY profiles /opt/neuroquant/profiles
COPY pyproject.toml /opt/neuroquant/pyproject.toml
COPY requirements.lock /opt/neuroquant/requirements.lock
COPY rules /opt/neuroquant/rules
COPY slurm /opt/neuroquant/slurm
COPY torch.lock /opt/neuroquant/torch.lock
COPY workflow /opt/neuroquant/workflow
COPY workflow_scripts /opt/neuroquant/workflow_scripts
RUN sh /opt/neuroquant/envs/recipe.sh
ENV LC_ALL=C.UTF-8
ENV PATH=/opt/neuroquant/venv/bin:/usr/local/bin:/usr/bin:/bin
CMD ["neuroquant", "--help"]
