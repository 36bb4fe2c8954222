"""One thread or two on one core: torch's own 3D convolutions against oneDNN's. Prints the ratio of their times."""

import os
import time

import torch


def seconds(threads: int) -> float:
    """Median seconds of a forward and backward pass of two 3x3x3 convolutions at 48 x 64 x 48."""
    torch.set_num_threads(threads)
    network = torch.nn.Sequential(torch.nn.Conv3d(8, 8, 3, padding=1), torch.nn.Conv3d(8, 8, 3, padding=1))
    x = torch.randn(1, 8, 48, 64, 48, requires_grad=True)
    times = []
    for _ in range(7):
        begin = time.perf_counter()
        network(x).sum().backward()
        times.append(time.perf_counter() - begin)
    return sorted(times)[3]


if __name__ == "__main__":
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    one, two = seconds(1), seconds(2)
    print(f"one thread {one:.3f} s, two threads on the same core {two:.3f} s: ratio {one / two:.1f}")
