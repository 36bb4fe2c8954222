"""The official layout in Keras, timed: `benchmarks/segment.py` calls this in an environment with TensorFlow 2.15.

    python benchmarks/segment_keras.py FOLDER --shape 160 192 160 --threads 2 --volumes 2

Writes random weights (network.h5), an image (image.npy) and its posteriors (posteriors.npy) into FOLDER; prints
processor seconds per volume, its mirror image included, and the process's peak memory as JSON.
"""

import argparse
import json
import resource
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/segmentation"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--shape", type=int, nargs=3, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--volumes", type=int, required=True)
    parser.add_argument("--features", type=int, default=24)
    parser.add_argument("--labels", type=int, default=33)
    arguments = parser.parse_args()
    import tensorflow as tf

    tf.config.threading.set_inter_op_parallelism_threads(arguments.threads)
    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    from make_keras_fixture import balance, build, randomise

    shape = tuple(arguments.shape)
    small, model = (build(arguments.features, 5, arguments.labels, size) for size in ((32, 32, 32), shape))
    randomise(small, 0)
    image = np.random.default_rng(1).uniform(size=shape).astype(np.float32)
    balance(small, image[:32, :32, :32])
    model.set_weights(small.get_weights())
    model.save_weights(arguments.folder / "network.h5")
    np.save(arguments.folder / "image.npy", image)
    direct = model.predict(image[None, ..., None], verbose=0)[0]  # the first call builds the graph
    np.save(arguments.folder / "posteriors.npy", direct)
    seconds = []
    for _ in range(arguments.volumes):
        begin = time.process_time()
        direct = model.predict(image[None, ..., None], verbose=0)[0]
        mirrored = model.predict(image[None, ::-1, :, :, None], verbose=0)[0]
        average = 0.5 * (direct + mirrored[::-1])
        seconds.append(time.process_time() - begin)
        del direct, mirrored, average
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    print(json.dumps({"seconds": min(seconds), "peak_gb": peak, "version": tf.__version__}))


if __name__ == "__main__":
    main()
