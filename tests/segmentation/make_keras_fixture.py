"""A small network of SynthSeg's layout in Keras: its weights as .h5, an image, and Keras's posteriors.

Run in the environment of envs/synthseg-upstream.yaml (TensorFlow 2.15):

    python tests/segmentation/make_keras_fixture.py tests/segmentation/keras

benchmarks/segment_keras.py builds the official layout at full size with it.
"""

import argparse
from pathlib import Path

import keras
import numpy as np
from keras import layers

EPSILON = 1e-3
SHARPNESS = 3.0


def build(features: int, levels: int, labels: int, shape: tuple[int, int, int]) -> keras.Model:
    """The U-Net with SynthSeg's layer names; skips are taken before the batch norm."""

    def level(x, width: int, arm: str, number: int):
        for index in (0, 1):
            name = f"unet_conv_{arm}_{number}_{index}"
            x = layers.Conv3D(width, 3, padding="same", activation="elu", name=name)(x)
        return x

    image = x = layers.Input((*shape, 1), name="image")
    skips = []
    for number in range(levels):
        skip = level(x, features * 2**number, "downarm", number)
        x = layers.BatchNormalization(epsilon=EPSILON, name=f"unet_bn_down_{number}")(skip)
        if number < levels - 1:
            skips.append(skip)
            x = layers.MaxPooling3D(2, name=f"unet_maxpool_{number}")(x)
    for number in range(levels - 1):
        x = layers.UpSampling3D(2, name=f"unet_up_{number}")(x)
        x = layers.Concatenate(name=f"unet_merge_{number}")([skips.pop(), x])
        x = level(x, features * 2 ** (levels - 2 - number), "uparm", levels + number)
        x = layers.BatchNormalization(epsilon=EPSILON, name=f"unet_bn_up_{number}")(x)
    x = layers.Conv3D(labels, 1, name="unet_likelihood")(x)
    return keras.Model(image, layers.Softmax(name="unet_prediction")(x))


def randomise(model: keras.Model, seed: int) -> None:
    """Weights that keep activations' size, and batch norms whose four vectors all matter."""
    generator = np.random.default_rng(seed)
    for layer in model.layers:
        drawn = []
        for weight in layer.weights:
            shape = tuple(weight.shape)
            if "kernel" in weight.name:
                drawn.append(generator.normal(0, np.prod(shape[:-1]) ** -0.5, shape))
            elif "variance" in weight.name or "gamma" in weight.name:
                drawn.append(generator.uniform(0.5, 1.5, shape))
            else:
                drawn.append(generator.normal(0, 0.2, shape))
        layer.set_weights(drawn)


def balance(model: keras.Model, image: np.ndarray) -> None:
    """Turn the last layer so that every label wins somewhere, and clearly, as in a trained network."""
    last = model.get_layer("unet_likelihood")
    kernel, bias = last.get_weights()
    logits = keras.Model(model.input, last.output).predict(image[None, ..., None], verbose=0)
    mean, spread = logits.mean(axis=(0, 1, 2, 3)), logits.std(axis=(0, 1, 2, 3))
    last.set_weights([SHARPNESS * kernel / spread, SHARPNESS * (bias - mean) / spread])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="path without ending: .h5 and .npz are written")
    parser.add_argument("--features", type=int, default=2)
    parser.add_argument("--levels", type=int, default=4)
    parser.add_argument("--labels", type=int, default=5)
    parser.add_argument("--shape", type=int, nargs=3, default=(16, 24, 16))
    arguments = parser.parse_args()
    shape = tuple(arguments.shape)
    model = build(arguments.features, arguments.levels, arguments.labels, shape)
    randomise(model, 0)
    image = np.random.default_rng(1).uniform(size=shape).astype(np.float32)
    balance(model, image)
    model.save_weights(f"{arguments.out}.h5")
    posteriors = model.predict(image[None, ..., None], verbose=0)[0]
    np.savez_compressed(f"{arguments.out}.npz", image=image, posteriors=posteriors)


if __name__ == "__main__":
    main()
