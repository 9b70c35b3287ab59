"""Writes pictures of pages with as many colors as they need, so that a repository can hold them.

    shrink.py FROM TO
"""

import sys
from pathlib import Path

from PIL import Image

source, target = map(Path, sys.argv[1:3])
total = 0
for path in sorted(source.glob("*.png")):
    picture = Image.open(path).convert("RGB")
    for colors in (128, 64, 32):
        picture.quantize(colors, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(target / path.name, optimize=True)
        if (target / path.name).stat().st_size < 200_000:
            break
    size = (target / path.name).stat().st_size
    total += size
    print(f"{path.name}: {picture.width} x {picture.height}, {size // 1000} kB")
print(f"{total // 1000} kB in all")
