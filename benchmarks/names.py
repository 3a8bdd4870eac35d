"""What a name costs: memory and time of a TensorFlow variable with a name of its own, and of one named like another.

An optimizer's variables carry the names of the layers that they belong to, and Keras numbers these over the process:
`python benchmarks/names.py`.
"""

import ctypes
import gc
import resource
import time

VARIABLES = 3_000


def main() -> None:
    """Print both."""
    import tensorflow as tf

    def make(number: int, name: str) -> None:
        for i in range(number):
            tf.Variable(tf.zeros((4,)), name=name.format(i))

    make(100, "warm")
    for what, name in (("one name", "dense_kernel_momentum"), ("a name each", "dense_{}_kernel_momentum")):
        before, start = resident(), time.process_time()
        make(VARIABLES, name)
        seconds = time.process_time() - start
        kilobytes = (resident() - before) / 1024 / VARIABLES
        print(f"{what}: {kilobytes:.1f} kB stay of each variable, {1000 * seconds / VARIABLES:.2f} ms to make it")


def resident() -> int:
    """Bytes in memory, once all that is free has gone back to the system."""
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


if __name__ == "__main__":
    main()
